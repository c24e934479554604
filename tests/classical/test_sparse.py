"""Compressed sensing against loops written out with numpy.fft and PyWavelets, scikit-image, sigpy; laws; a head."""

import inspect
import itertools
import warnings

import numpy as np
import pytest
import pywt
import torch

from course_lib import kspace
from course_lib.classical import sparse
from course_lib.classical._wavelets import Frame
from course_lib.data.brains import brain_slices

SOLVERS = {
    "ista": sparse.ista,
    "fista": sparse.fista,
    "undecimated fista": lambda *data, **options: sparse.fista(*data, undecimated=True, **options),
    "total_variation": sparse.total_variation,
}
each = pytest.mark.parametrize("solve", SOLVERS.values(), ids=SOLVERS)


def scan(size=(32, 40), seed=0, points=False, dtype=np.complex128):
    """A smooth-phase image with edges, a mask, and what was measured of it."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]]
    image = (0.4 + 0.4 * (rows + columns > 40) + 0.1 * np.sin(columns / 5)) * np.exp(1j * (rows / 30 + columns / 50))
    mask = rng.random(size if points else size[1]) < 0.4
    mask = np.broadcast_to(mask, size).copy()
    mask[:, size[1] // 2 - 3 : size[1] // 2 + 3] = True
    image = image.astype(dtype)
    return image, mask, fft(image) * mask


def fft(image):
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image, axes), norm="ortho"), axes)


def ifft(values):
    axes = (-2, -1)
    return np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(values, axes), norm="ortho"), axes)


def decompose(image, wavelet, levels, undecimated):
    """PyWavelets' bands in one flat list, coarse first, of the image continued by zeros to a multiple of 2^levels."""
    padded = np.pad(image, [(0, -side % 2**levels) for side in image.shape])
    with warnings.catch_warnings():  # where the filter is longer than the image
        warnings.simplefilter("ignore", UserWarning)
        if undecimated:
            coarse, *details = pywt.swt2(padded, wavelet, levels, trim_approx=True, norm=True)
        else:
            coarse, *details = pywt.wavedec2(padded, wavelet, "periodization", levels)
    return [coarse, *(band for level in details for band in level)]


def compose(bands, wavelet, undecimated, size):
    nested = [bands[0], *zip(bands[1::3], bands[2::3], bands[3::3], strict=True)]
    if undecimated:
        image = pywt.iswt2(nested, wavelet, norm=True)
    else:
        image = pywt.waverec2(nested, wavelet, "periodization")
    return image[: size[0], : size[1]]


def shrink(values, threshold):
    size = np.abs(values)
    return np.where(size > threshold, (1 - threshold / np.where(size > 0, size, 1)) * values, 0)


def by_hand(measured, mask, strength, iterations, wavelet, levels, undecimated, accelerated):
    """ISTA and FISTA as in the papers, with numpy.fft and PyWavelets: image and objective of each iteration."""
    image = ahead = ifft(measured)
    t, objective = 1.0, []
    weights = [0.0] + [2.0**-level if undecimated else 1.0 for level in range(levels, 0, -1) for _ in range(3)]
    for _ in range(iterations):
        descended = ahead - ifft(mask * fft(ahead) - measured)
        bands = decompose(descended, wavelet, levels, undecimated)
        bands = [shrink(band, strength * weight) for band, weight in zip(bands, weights, strict=True)]
        before, image = image, compose(bands, wavelet, undecimated, measured.shape)
        again = decompose(image, wavelet, levels, undecimated)
        objective.append(
            np.sum(np.abs(mask * fft(image) - measured) ** 2) / 2
            + strength * sum(weight * np.abs(band).sum() for band, weight in zip(bands, weights, strict=True))
            + sum(np.sum(np.abs(band - own) ** 2) for band, own in zip(bands, again, strict=True)) / 2
        )
        t_next = (1 + np.sqrt(1 + 4 * t**2)) / 2
        ahead = image + (t - 1) / t_next * (image - before) if accelerated else image
        t = t_next
    return image, objective


def variation(image):
    down, right = np.zeros_like(image), np.zeros_like(image)
    down[:-1], right[:, :-1] = np.diff(image, axis=0), np.diff(image, axis=1)
    return np.sqrt(np.abs(down) ** 2 + np.abs(right) ** 2).sum()


def test_soft_threshold_by_numbers():
    values = np.array([-3.0, -1.0, -0.5, 0.0, 0.5, 2.0])
    assert np.allclose(sparse.soft_threshold(values, 1.0), [-2, 0, 0, 0, 0, 1], atol=1e-15)
    # 3 + 4i has magnitude 5, and 4/5 of it is left
    assert np.allclose(sparse.soft_threshold(np.array([3 + 4j, 0.1j, 0j]), 1.0), [2.4 + 3.2j, 0, 0], atol=1e-15)
    assert np.array_equal(sparse.soft_threshold(values, 0), values)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_soft_threshold_is_the_proximal_operator_in_every_container(dtype):
    rng = np.random.default_rng(1)
    imaginary = 1j if np.issubdtype(dtype, np.complexfloating) else 0
    draw = lambda: rng.standard_normal((3, 5, 7)) + imaginary * rng.standard_normal((3, 5, 7))  # noqa: E731
    values = draw().astype(dtype)
    before = values.copy()
    result = sparse.soft_threshold(values, 0.7)
    assert result.dtype == dtype and np.array_equal(values, before)
    tensor = sparse.soft_threshold(torch.from_numpy(values), 0.7)
    assert isinstance(tensor, torch.Tensor) and np.array_equal(tensor.numpy(), result)
    assert np.allclose(result, shrink(values, 0.7), atol=1e-6)
    cost = lambda x: np.abs(x - values) ** 2 / 2 + 0.7 * np.abs(x)  # noqa: E731
    for _ in range(20):  # no change makes it better, anywhere, beyond what rounding may
        assert (cost(result + 0.1 * draw()) > cost(result) - 1e-6).all()


def test_soft_threshold_has_a_gradient_at_zero_too():
    values = torch.tensor([0j, 3 + 4j, 0.2 + 0j], dtype=torch.complex128, requires_grad=True)
    sparse.soft_threshold(values, 1.0).abs().square().sum().backward()
    assert torch.isfinite(torch.view_as_real(values.grad)).all()
    # |x|² shrunk by 1 is (|x| - 1)², of gradient 2 (|x| - 1) x / |x|
    assert torch.allclose(values.grad, torch.tensor([0, 4.8 + 6.4j, 0], dtype=torch.complex128))


@pytest.mark.parametrize(
    ("values", "threshold", "error", "says"),
    [
        (np.ones(3, int), 1, TypeError, "floating-point"),
        ([1.0], 1, TypeError, "list"),
        (np.array([1j * np.nan]), 1, ValueError, "NaN"),
        (torch.ones(3), -1, ValueError, "threshold: expected a finite number of at least 0"),
        (torch.ones(3), "1", TypeError, "threshold"),
    ],
)
def test_soft_threshold_refuses_in_words(values, threshold, error, says):
    with pytest.raises(error, match=says):
        sparse.soft_threshold(values, threshold)


@pytest.mark.parametrize("undecimated", [False, True], ids=["decimated", "undecimated"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif2"])
@pytest.mark.parametrize("size", [(64, 48), (217, 181), (33, 70), (24, 436)])
def test_the_transform_is_that_of_pywavelets_inverted_by_its_adjoint(size, wavelet, undecimated):
    rng = np.random.default_rng(2)
    images = rng.standard_normal((2, 1, *size))
    tensor = torch.from_numpy(images)
    frame = Frame(size, wavelet, 3, undecimated=undecimated, like=tensor)
    coefficients = frame.analysis(tensor)
    for index in range(2):
        wanted = decompose(images[index, 0], wavelet, frame.levels, undecimated)
        if not undecimated:
            nested = [wanted[0], *zip(wanted[1::3], wanted[2::3], wanted[3::3], strict=True)]
            wanted = [pywt.coeffs_to_array(nested)[0]]
        for band, own in zip(coefficients, wanted, strict=True):
            assert np.allclose(band[index, 0].numpy(), own, atol=1e-12)
    # PyWavelets holds its longer filters with 12 digits
    assert torch.allclose(frame.synthesis(coefficients), tensor, atol=1e-10)
    others = [torch.from_numpy(rng.standard_normal(band.shape)) for band in coefficients]
    left = sum(torch.dot(a.flatten(), b.flatten()) for a, b in zip(others, coefficients, strict=True))
    assert torch.allclose(left, torch.dot(frame.synthesis(others).flatten(), tensor.flatten()), rtol=1e-10)
    single = Frame(size, wavelet, 3, undecimated=undecimated, like=tensor.float())
    again = single.synthesis(single.analysis(tensor.float()))
    assert again.dtype == torch.float32 and torch.allclose(again, tensor.float(), atol=1e-5)


def test_levels_are_as_many_as_fit():
    assert [Frame((217, 181), "db4", levels).levels for levels in (1, 3, 9)] == [1, 3, 4]
    assert Frame((5, 6), "sym8", 4).levels == 1  # even where the filter is longer than the image
    tiny = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    frame = Frame((5, 6), "sym8", 4)
    assert torch.allclose(frame.synthesis(frame.analysis(tiny)), tiny, atol=1e-5)


@pytest.mark.parametrize("wavelet", ["haar", "db2"])
def test_the_undecimated_penalty_is_the_mean_over_all_shifts(wavelet):
    image = torch.from_numpy(scan((16, 24))[0].real.copy())
    penalty = lambda frame, x: sum(  # noqa: E731
        (weight * band.abs()).sum() for band, weight in zip(frame.analysis(x), frame.weights, strict=True)
    )
    decimated, undecimated = (Frame((16, 24), wavelet, 2, undecimated=kind, like=image) for kind in (False, True))
    shifted = [penalty(decimated, image.roll(shift, (0, 1))) for shift in itertools.product(range(4), range(4))]
    assert max(shifted) > 1.02 * min(shifted)
    assert torch.allclose(penalty(undecimated, image), torch.stack(shifted).mean(), rtol=1e-10)


@pytest.mark.parametrize("accelerated", [False, True], ids=["ista", "fista"])
@pytest.mark.parametrize("undecimated", [False, True], ids=["decimated", "undecimated"])
@pytest.mark.parametrize(("size", "points"), [((32, 40), False), ((31, 45), False), ((33, 40), True)])
def test_ista_and_fista_as_written_out(size, points, undecimated, accelerated):
    _, mask, measured = scan(size, points=points)
    solve = sparse.fista if accelerated else sparse.ista
    found = solve(measured, mask, strength=0.02, iterations=12, wavelet="db2", levels=2, undecimated=undecimated)
    image, objective = by_hand(measured, mask, 0.02, 12, "db2", 2, undecimated, accelerated)
    assert np.allclose(found.image, image, atol=1e-10)
    assert np.allclose(found.objective, objective, rtol=1e-9)
    if not accelerated:
        assert (np.diff(found.objective) < 0).all()


@pytest.mark.parametrize("undecimated", [False, True])
def test_momentum_comes_sooner_to_the_same_minimum(undecimated):
    _, mask, measured = scan((16, 24))
    options = {"strength": 0.02, "wavelet": "haar", "levels": 2, "undecimated": undecimated}
    slow = sparse.ista(measured, mask, iterations=1000, **options)
    fast = sparse.fista(measured, mask, iterations=250, **options)
    assert fast.objective[-1] == pytest.approx(slow.objective[-1], rel=1e-3)
    gap = [run.objective[29] - min(slow.objective[-1], fast.objective[-1]) for run in (slow, fast)]
    assert gap[1] < 0.3 * gap[0]


def test_default_wavelets_and_the_form_of_the_solvers():
    _, mask, measured = scan()
    for undecimated, wavelet in ((False, "db4"), (True, "haar")):
        for solve in (sparse.ista, sparse.fista):
            default = solve(measured, mask, iterations=3, undecimated=undecimated)
            named = solve(measured, mask, iterations=3, undecimated=undecimated, wavelet=wavelet, strength=0.003)
            assert np.array_equal(default.image, named.image)
    assert inspect.signature(sparse.ista) == inspect.signature(sparse.fista)
    for solve in (sparse.ista, sparse.total_variation):
        assert list(inspect.signature(solve).parameters)[:2] == ["measured", "mask"]


def test_orthogonal_denoising_takes_one_step():
    image, _, _ = scan((32, 32))
    noisy = image + 0.1 * np.random.default_rng(3).standard_normal(image.shape)
    found = sparse.ista(fft(noisy), np.ones((32, 32), bool), strength=0.2, iterations=2, levels=2)
    bands = decompose(noisy, "db4", 2, False)
    wanted = compose([bands[0], *(shrink(band, 0.2) for band in bands[1:])], "db4", False, (32, 32))
    assert np.allclose(found.image, wanted, atol=1e-10)
    assert found.objective[1] == pytest.approx(found.objective[0], rel=1e-10)


def test_total_variation_is_the_minimum_of_what_it_says():
    _, mask, measured = scan((24, 30))
    found = sparse.total_variation(measured, mask, strength=0.02, iterations=3000)

    def cost(image):
        return np.sum(np.abs(mask * fft(image) - measured) ** 2) / 2 + 0.02 * variation(image)

    assert found.objective[-1] == pytest.approx(cost(found.image), rel=1e-10)
    assert found.objective[-1] < cost(ifft(measured)) * 0.9
    rng = np.random.default_rng(4)
    for size in (1e-3, 1e-2, 0.1):
        for _ in range(5):
            change = rng.standard_normal((24, 30)) + 1j * rng.standard_normal((24, 30))
            assert cost(found.image + size * change) > found.objective[-1]
    at_default_steps = sparse.total_variation(measured, mask, strength=0.02, iterations=100)
    assert at_default_steps.objective[-1] < found.objective[-1] * 1.01


def test_total_variation_of_a_full_scan_is_the_denoising_of_scikit_image():
    from skimage.restoration import denoise_tv_chambolle

    noisy = np.abs(scan((40, 33))[0]) + 0.1 * np.random.default_rng(5).standard_normal((40, 33))
    wanted = denoise_tv_chambolle(noisy, 0.15, eps=1e-12, max_num_iter=5000)
    found = sparse.total_variation(fft(noisy), np.ones((40, 33), bool), strength=0.15, iterations=3000)
    assert np.abs(wanted - noisy).max() > 0.1
    assert np.allclose(found.image, wanted, atol=2e-3)


def test_sigpy_finds_nothing_better():
    pytest.importorskip("sigpy")
    from sigpy.mri import app

    image, mask, measured = scan((32, 32), points=True)
    ones, weights = np.ones((1, 32, 32), complex), mask.astype(float)
    peer = app.L1WaveletRecon(measured[None], ones, 1e-4, weights=weights, max_iter=300, show_pbar=False).run()
    ours = sparse.fista(measured, mask, strength=1e-4, iterations=300).image
    scale = np.abs(peer - ifft(measured)).max()
    assert scale > 0.05 and np.abs(mask * fft(peer) - measured).max() < 0.05  # it has the same centred FFT
    assert np.linalg.norm(ours - image) < 1.1 * np.linalg.norm(peer - image)
    peer = app.TotalVariationRecon(measured[None], ones, 0.01, weights=weights, max_iter=500, show_pbar=False).run()
    ours = sparse.total_variation(measured, mask, strength=0.01, iterations=500)
    cost = np.sum(np.abs(mask * fft(peer) - measured) ** 2) / 2 + 0.01 * variation(peer)
    assert ours.objective[-1] < cost < 1.5 * ours.objective[-1]


@each
def test_all_measured_and_no_penalty_gives_the_image(solve):
    image, _, _ = scan((21, 30))
    found = solve(fft(image), np.ones((21, 30), bool), strength=0, iterations=20)
    assert np.allclose(found.image, image, atol=1e-10)


@each
def test_zero_strength_keeps_what_was_measured(solve):
    _, mask, measured = scan((21, 30))
    found = solve(measured, mask, strength=0, iterations=5)
    assert np.allclose(found.image, ifft(measured), atol=1e-8) and max(found.objective) < 1e-12


@each
def test_one_result_in_every_container(solve):
    scans = [scan((21, 30), seed) for seed in range(3)]
    masks = np.stack([mask for _, mask, _ in scans])[:, None]
    measured = np.stack([values for *_, values in scans])[:, None]
    before, state = measured.copy(), torch.get_rng_state()
    alone = [solve(values[0], mask[0], iterations=6) for values, mask in zip(measured, masks, strict=True)]
    batch = solve(measured, masks, iterations=6)
    assert type(batch.image) is np.ndarray and batch.image.shape == (3, 1, 21, 30)
    assert batch.image.dtype == np.complex128 and len(batch.objective) == 6
    assert all(isinstance(value, float) for value in batch.objective)
    assert np.allclose(batch.image[:, 0], np.stack([one.image for one in alone]), atol=1e-12)
    assert np.allclose(batch.objective, np.sum([one.objective for one in alone], axis=0), rtol=1e-10)
    tensor = solve(torch.from_numpy(measured), torch.from_numpy(masks), iterations=6)
    assert isinstance(tensor.image, torch.Tensor) and np.array_equal(tensor.image.numpy(), batch.image)
    single = solve(measured.astype(np.complex64), masks, iterations=6)
    assert single.image.dtype == np.complex64 and np.allclose(single.image, batch.image, atol=1e-5)
    frames = solve(measured[:, 0], masks[:, 0], iterations=6)  # (T, H, W)
    assert np.allclose(frames.image, batch.image[:, 0], atol=1e-12)
    assert np.array_equal(measured, before) and torch.equal(torch.get_rng_state(), state)


@each
def test_what_was_not_measured_plays_no_part(solve):
    _, mask, measured = scan((21, 30))
    noise = np.random.default_rng(6).standard_normal(mask.shape)
    first = solve(measured, mask, iterations=4).image
    assert np.array_equal(solve(np.where(mask, measured, noise), mask, iterations=4).image, first)


@each
def test_scale_phase_and_direction_change_nothing_else(solve):
    image, mask, measured = scan((24, 24))
    plain = solve(measured, mask, strength=0.01, iterations=15)
    # 100 times as bright and turned in phase; strength has the image's unit
    other = solve(100j * measured, mask, strength=1.0, iterations=15)
    assert np.allclose(other.image / 100j, plain.image, atol=1e-10)
    assert np.allclose(np.array(other.objective) / 1e4, plain.objective, rtol=1e-9)
    # lines may run along either axis; only the FFTs that are left out are others
    turned = solve(measured.T.copy(), mask.T.copy(), strength=0.01, iterations=15)
    assert np.allclose(turned.image.T, plain.image, atol=1e-10)


@each
def test_coils(solve):
    image, mask, _ = scan((24, 30))
    sensitivities = kspace.birdcage_sensitivities((24, 30), 4).astype(np.complex128)
    measured = kspace.forward(image, mask, sensitivities)
    found = solve(measured, mask, sensitivities=sensitivities, iterations=60)
    assert found.image.shape == (24, 30)
    error = lambda x: np.linalg.norm(x - image)  # noqa: E731
    # measured: 0.43 to 0.47 with decimated wavelets, 0.1 with the others
    assert error(found.image) < 0.6 * error(kspace.adjoint(measured, mask, sensitivities))
    batch = solve(np.stack([measured] * 2), mask, sensitivities=sensitivities, iterations=60)
    assert batch.image.shape == (2, 1, 24, 30) and np.allclose(batch.image[1, 0], found.image, atol=1e-12)
    # the step is as short as strong coils need
    strong = solve(3 * measured, mask, sensitivities=3 * sensitivities, strength=0.027, iterations=60)
    assert np.allclose(strong.image, found.image, atol=1e-9)
    one = solve(measured[:1], mask, sensitivities=np.ones((1, 24, 30), complex), iterations=5)
    assert np.allclose(one.image, solve(measured[0], mask, iterations=5).image, atol=1e-12)
    with torch.no_grad():
        tensors = [torch.from_numpy(part) for part in (measured, mask, sensitivities)]
        same = solve(*tensors[:2], sensitivities=tensors[2], iterations=60)
    assert np.allclose(same.image.numpy(), found.image, atol=1e-12)


@each
def test_differentiable(solve):
    _, mask, _ = scan((6, 6))
    rng = np.random.default_rng(8)  # no flat regions: the penalties have kinks at 0
    tensor = torch.from_numpy(rng.standard_normal((6, 6)) + 1j * rng.standard_normal((6, 6))).requires_grad_()
    run = lambda values: solve(values, torch.from_numpy(mask), strength=0.05, iterations=3).image  # noqa: E731
    assert torch.autograd.gradcheck(run, tensor)


@each
@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"measured": np.ones((16, 16))}, TypeError, "measured: expected complex values"),
        ({"measured": np.full((16, 16), np.nan * 1j)}, ValueError, "measured: expected finite values"),
        ({"measured": [[1j]]}, TypeError, "list"),
        ({"measured": np.ones(16, complex)}, ValueError, "measured: expected shape"),
        ({"mask": np.ones((16, 15), bool)}, ValueError, "mask: expected shape"),
        ({"mask": np.zeros((16, 16), bool)}, ValueError, "mask: expected at least one"),
        ({"mask": np.ones((16, 16))}, TypeError, "mask: expected booleans"),
        ({"mask": torch.ones(16, 16, dtype=torch.bool)}, TypeError, "mask: expected the kind"),
        ({"sensitivities": np.ones((2, 16, 16), complex)}, ValueError, "sensitivities: expected"),
        ({"strength": -1}, ValueError, "strength"),
        ({"strength": "0.1"}, TypeError, "strength"),
        ({"iterations": 0}, ValueError, "iterations"),
        ({"iterations": 1.5}, TypeError, "iterations"),
    ],
)
def test_refusals_in_words(solve, change, error, says):
    arguments = {"measured": np.ones((16, 16), complex), "mask": np.ones((16, 16), bool), **change}
    with pytest.raises(error, match=says):
        solve(arguments.pop("measured"), arguments.pop("mask"), **arguments)


@pytest.mark.parametrize("solve", [sparse.ista, sparse.fista])
@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"wavelet": "bior1.3"}, ValueError, "wavelet: expected an orthogonal wavelet"),
        ({"wavelet": "morl"}, ValueError, "wavelet: expected an orthogonal wavelet"),
        ({"wavelet": 4}, TypeError, "wavelet: expected the name"),
        ({"levels": 0}, ValueError, "levels"),
    ],
)
def test_wavelet_options_are_refused_in_words(solve, options, error, says):
    with pytest.raises(error, match=says):
        solve(np.ones((16, 16), complex), np.ones((16, 16), bool), **options)


def test_a_measurement_of_nothing_is_a_black_image():
    for solve in SOLVERS.values():
        found = solve(np.zeros((8, 8), complex), np.ones((8, 8), bool), iterations=3)
        assert not found.image.any() and max(found.objective) < 1e-30


def test_a_head_comes_back_better():
    clean = brain_slices("colin27", slices=1, progress=False).images
    generator = torch.Generator().manual_seed(7)
    image = kspace.with_phase(clean, generator=generator)
    mask = kspace.cartesian_mask(clean.shape[-2:], 4, 0.08, kind="variable_density", generator=generator)
    measured = kspace.undersample(image, mask)
    psnr = lambda x: float(-10 * (x.abs().clamp(0, 1) - clean).square().mean().log10())  # noqa: E731
    start = psnr(kspace.zero_filled(measured))
    gains = {name: psnr(solve(measured, mask, iterations=60).image) - start for name, solve in SOLVERS.items()}
    # measured over four slices and masks: 1.2 decimated, 3.6 undecimated, 3.6 total variation
    assert gains["fista"] > 0.4 and gains["undecimated fista"] > 2 and gains["total_variation"] > 2, gains
