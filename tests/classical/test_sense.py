"""CG-SENSE against a dense matrix, sigpy and itself: the minimum, the objective, every container, noise, refusals."""

import numpy as np
import pytest
import torch

from course_lib import kspace
from course_lib.classical.sense import cg_sense


def scan(size=(12, 10), coils=4, acceleration=2, sigma=0.0, seed=0):
    """A complex image, the lines of a mask, the maps, and what the coils measured; double precision."""
    rng = np.random.default_rng(seed)
    image = rng.normal(size=size) + 1j * rng.normal(size=size)
    maps = kspace.birdcage_sensitivities(size, coils).astype(np.complex128)
    mask = np.zeros(size, dtype=bool)
    mask[:, ::acceleration] = True
    return image, mask, maps, kspace.undersample(image, mask, sigma=sigma, sensitivities=maps, generator=rng)


def matrix(mask, maps):
    """A = M F S, written out with numpy.fft: its columns are what the coils measure of each pixel."""
    pixels = np.eye(mask.size).reshape(-1, 1, *mask.shape)
    axes = (-2, -1)
    seen = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(maps * pixels, axes), norm="ortho"), axes)
    return (mask * seen).reshape(mask.size, -1).T


@pytest.mark.parametrize("size", [(12, 10), (9, 7)], ids=str)
@pytest.mark.parametrize("strength", [0.0, 0.2])
def test_it_is_the_least_squares_solution(size, strength):
    _, mask, maps, measured = scan(size, sigma=0.1)
    system, data = matrix(mask, maps), measured.ravel()
    gram = system.conj().T @ system + strength * np.eye(mask.size)
    expected = np.linalg.solve(gram, system.conj().T @ data).reshape(size)
    found = cg_sense(measured, mask, maps, strength=strength, iterations=300)
    assert np.allclose(found.image, expected, atol=1e-6)
    cost = np.linalg.norm(system @ expected.ravel() - data) ** 2 + strength * np.linalg.norm(expected) ** 2
    assert np.isclose(found.objective[-1], cost / 2, rtol=1e-8)


def test_the_objective_is_what_it_says_and_never_rises():
    _, mask, maps, measured = scan(sigma=0.1)
    strength, found = 0.05, cg_sense(*scan(sigma=0.1)[3:], mask, maps, strength=0.05, iterations=4)
    misfit = kspace.forward(found.image, mask, maps) - measured
    cost = (np.linalg.norm(misfit) ** 2 + strength * np.linalg.norm(found.image) ** 2) / 2
    assert np.isclose(found.objective[-1], cost, rtol=1e-10)
    assert len(found.objective) == 4 and (np.diff(found.objective) < 0).all()


def test_coils_unfold_what_one_coil_cannot():
    image, mask, maps, measured = scan()
    assert np.allclose(cg_sense(measured, mask, maps, iterations=100).image, image, atol=1e-6)
    one = np.ones((1, *mask.shape), complex)
    folded = cg_sense(kspace.undersample(image, mask, sensitivities=one), mask, one, iterations=100).image
    assert np.linalg.norm(folded - image) > 0.5 * np.linalg.norm(image)


def test_sigpy_finds_the_same():
    app = pytest.importorskip("sigpy.mri.app")
    _, mask, maps, measured = scan((16, 12), sigma=0.05)
    options = {"weights": mask.astype(float), "lamda": 0.02, "max_iter": 60, "tol": 0, "show_pbar": False}
    peer = app.SenseRecon(measured, maps, **options).run()
    found = cg_sense(measured, mask, maps, strength=0.02, iterations=60).image
    assert np.linalg.norm(peer) > 1 and np.allclose(found, peer, atol=1e-6)


def test_a_batch_is_as_each_image_alone_in_every_container():
    pairs = [scan(seed=seed) for seed in (0, 1)]
    mask, maps = pairs[0][1:3]
    data = np.stack([pair[3] for pair in pairs])
    data[1] *= 1000  # images of another size have other steps
    both = cg_sense(torch.from_numpy(data), torch.from_numpy(mask), torch.from_numpy(maps), iterations=6).image
    assert torch.is_tensor(both) and both.shape == (2, 1, 12, 10) and both.dtype == torch.complex128
    for together, alone in zip(both.numpy()[:, 0], data, strict=True):
        single = cg_sense(alone, mask, maps, iterations=6).image
        assert isinstance(single, np.ndarray) and np.allclose(together, single, rtol=1e-8, atol=1e-8)
    rough = cg_sense(data.astype(np.complex64), mask, maps.astype(np.complex64), iterations=6).image
    assert rough.dtype == np.complex64 and np.allclose(rough, both.numpy(), rtol=1e-3, atol=1e-3)


def test_more_iterations_bring_back_the_noise():
    """At R = 3 of 4 coils the g-factor is large: an image long before the minimum is better than the minimum."""
    image, mask, maps, measured = scan((24, 24), acceleration=3, sigma=0.3)
    wrong = [np.linalg.norm(cg_sense(measured, mask, maps, iterations=n).image - image) for n in (3, 300)]
    assert wrong[0] < 0.8 * wrong[1]


def test_differentiable():
    _, mask, maps, measured = (torch.from_numpy(part) for part in scan((4, 3), coils=2))

    def solve(data):
        return cg_sense(data, mask, maps, strength=0.1, iterations=3).image

    assert torch.autograd.gradcheck(solve, (measured.requires_grad_(),))


def test_nothing_measured_is_a_black_image():
    _, mask, maps, measured = scan()
    assert not cg_sense(0 * measured, mask, maps).image.any()


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"sensitivities": None}, TypeError, "sensitivities: expected"),
        ({"strength": -1}, ValueError, "strength: expected"),
        ({"iterations": 0}, ValueError, "iterations: expected"),
        ({"mask": np.ones((3, 3), bool)}, ValueError, "mask: expected shape"),
    ],
)
def test_refusals_in_words(change, error, says):
    _, mask, maps, measured = scan()
    options = {"measured": measured, "mask": mask, "sensitivities": maps} | change
    with pytest.raises(error, match=says):
        cg_sense(**options)
