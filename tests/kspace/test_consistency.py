"""DataConsistency: the formula written out in numpy, its laws, its backward in closed form, coils, and refusals."""

import math

import numpy as np
import pytest
import torch

from course_lib import kspace
from course_lib.kspace import DataConsistency
from course_lib.kspace.checks import check_acquisition

SIZES = [(8, 6), (7, 5), (9, 8)]
STRENGTHS = [None, 0.0, 0.3, 1.0, 25.0]
every_size = pytest.mark.parametrize("size", SIZES, ids=str)
every_strength = pytest.mark.parametrize("strength", STRENGTHS, ids=str)


def random_complex(*shape, seed=0, dtype=torch.complex64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_mask(*shape, seed=1, share=0.4):
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share
    mask[..., shape[-2] // 2, :] = True
    return mask


def acquisition(size, *, images=2, seed=0, dtype=torch.complex64):
    """An image, other k-space where the mask is True, and the mask."""
    mask = random_mask(images, 1, *size, seed=seed + 1)
    measured = torch.where(mask, random_complex(images, 1, *size, seed=seed + 2, dtype=dtype), 0)
    return random_complex(images, 1, *size, seed=seed + 3, dtype=dtype), measured, mask


def coils(number, size, *, images=None, seed=7, dtype=torch.complex64):
    """Sensitivities whose squares sum to 1."""
    shape = (number, *size) if images is None else (images, number, *size)
    maps = random_complex(*shape, seed=seed, dtype=dtype)
    return maps / maps.abs().square().sum(-3, keepdim=True).sqrt()


def numpy_fft(image):
    shifted = np.fft.ifftshift(image, axes=(-2, -1))
    return np.fft.fftshift(np.fft.fft2(shifted, norm="ortho"), axes=(-2, -1))


def numpy_ifft(values):
    shifted = np.fft.ifftshift(values, axes=(-2, -1))
    return np.fft.fftshift(np.fft.ifft2(shifted, norm="ortho"), axes=(-2, -1))


def by_hand(image, measured, mask, strength):
    """DESIGN 5.2, sample by sample, double precision."""
    s, s0 = numpy_fft(image.numpy().astype(complex)), measured.numpy().astype(complex)
    mask = np.broadcast_to(mask.numpy(), s.shape)
    result = s.copy()
    for place in zip(*np.nonzero(mask), strict=True):
        result[place] = s0[place] if strength is None else (s[place] + strength * s0[place]) / (1 + strength)
    return torch.from_numpy(numpy_ifft(result))


# --- the formula ------------------------------------------------------------------------------------------------


@every_size
@every_strength
def test_is_the_formula(size, strength):
    image, measured, mask = acquisition(size)
    found = DataConsistency(strength)(image, measured, mask)
    assert found.dtype == torch.complex64
    assert torch.allclose(found.to(torch.complex128), by_hand(image, measured, mask, strength), atol=2e-6)


def test_double_precision_stays():
    image, measured, mask = acquisition((7, 5), dtype=torch.complex128)
    found = DataConsistency(0.5)(image, measured, mask)
    assert found.dtype == torch.complex128
    assert torch.allclose(found, by_hand(image, measured, mask, 0.5), atol=1e-12)


@pytest.mark.parametrize("learned", [False, True])
def test_a_known_case_in_numbers(learned):
    # one sample is measured as 4, the image's own is 1: λ = 3 makes (1 + 3·4) / 4 of it, and the rest stays 2
    own, measured = torch.full((4, 4), 2.0 + 0j), torch.zeros(4, 4, dtype=torch.complex64)
    own[2, 1], measured[2, 1] = 1, 4
    mask = measured != 0
    found = kspace.fft2c(DataConsistency(3.0, learned=learned)(kspace.ifft2c(own), measured, mask))
    expected = own.clone()
    expected[2, 1] = 13 / 4
    assert torch.allclose(found, expected, atol=1e-6)


@every_strength
def test_what_stands_beside_the_mask_plays_no_part(strength):
    # a widely copied error: noise or garbage where nothing was measured is mixed in
    image, measured, mask = acquisition((7, 6))
    garbage = torch.where(mask, measured, 1e3 * random_complex(2, 1, 7, 6, seed=9))
    layer = DataConsistency(strength)
    assert torch.equal(layer(image, garbage, mask), layer(image, measured, mask))


@every_size
def test_strength_0_is_the_image_and_a_large_one_replaces(size):
    image, measured, mask = acquisition(size)
    assert torch.equal(DataConsistency(0.0)(image, measured, mask), image)
    replaced = DataConsistency()(image, measured, mask)
    assert torch.allclose(DataConsistency(1e7)(image, measured, mask), replaced, atol=1e-5)
    # and not the other way round: λ taken as its inverse would exchange the two
    assert (replaced - image).abs().max() > 0.1
    distance = [
        torch.where(mask, kspace.fft2c(DataConsistency(strength)(image, measured, mask)) - measured, 0).abs().sum()
        for strength in (0.0, 0.1, 1.0, 10.0, None)
    ]
    assert all(far > near + 1 for far, near in zip(distance, distance[1:], strict=False))


@every_size
def test_replacement_keeps_the_measured_lines_and_the_rest(size):
    image, measured, mask = acquisition(size)
    found, own = kspace.fft2c(DataConsistency()(image, measured, mask)), kspace.fft2c(image)
    assert torch.allclose(found[mask], measured[mask], atol=2e-6)
    assert torch.allclose(found[~mask], own[~mask], atol=2e-6)


@every_size
def test_replacement_is_idempotent_and_a_number_is_not(size):
    image, measured, mask = acquisition(size)
    once = DataConsistency()(image, measured, mask)
    assert torch.allclose(DataConsistency()(once, measured, mask), once, atol=2e-6)
    soft = DataConsistency(1.0)
    once = soft(image, measured, mask)
    assert (soft(once, measured, mask) - once).abs().max() > 0.05


def test_two_soft_layers_are_one_of_the_combined_strength():
    # what is left of the image's own sample is 1 / (1 + λ) each time: (1 + a)(1 + b) = 1 + (a + b + a·b)
    image, measured, mask = acquisition((9, 8))
    twice = DataConsistency(2.0)(DataConsistency(0.5)(image, measured, mask), measured, mask)
    assert torch.allclose(twice, DataConsistency(0.5 + 2.0 + 0.5 * 2.0)(image, measured, mask), atol=2e-6)


@every_strength
def test_a_consistent_image_is_left_alone(strength):
    # fully or partly sampled: data that the image explains change nothing
    image, _, mask = acquisition((7, 8))
    for part in (mask, torch.ones(7, 8, dtype=torch.bool)):
        measured = torch.where(part, kspace.fft2c(image), 0)
        assert torch.allclose(DataConsistency(strength)(image, measured, part), image, atol=2e-6)


def test_fully_sampled_data_replace_any_image():
    wrong, truth = random_complex(2, 1, 7, 8), random_complex(2, 1, 7, 8, seed=5)
    full = torch.ones(7, 8, dtype=torch.bool)
    assert torch.allclose(DataConsistency()(wrong, kspace.fft2c(truth), full), truth, atol=2e-6)


def test_the_truth_only_comes_nearer():
    # with data of the truth, whatever the strength: a projection, or a part of the way to it
    truth, wrong = random_complex(1, 1, 16, 16), random_complex(1, 1, 16, 16, seed=5)
    mask = random_mask(16, 16)
    measured = torch.where(mask, kspace.fft2c(truth), 0)
    errors = [
        (DataConsistency(strength)(wrong, measured, mask) - truth).abs().square().sum()
        for strength in (0, 0.5, 5, None)
    ]
    assert errors == sorted(errors, reverse=True) and errors[-1] < 0.8 * errors[0]


def test_masks_of_every_shape_that_fits():
    image, measured, _ = acquisition((7, 6), images=3)
    one = random_mask(7, 6, seed=4)
    each = [DataConsistency()(image, measured, mask) for mask in (one, one[None], one[None, None].expand(3, 1, 7, 6))]
    assert torch.equal(each[0], each[1]) and torch.equal(each[0], each[2])
    assert torch.allclose(each[0].to(torch.complex128), by_hand(image, measured, one, None), atol=2e-6)
    # frames: (T, H, W) serves every sequence, and (H, W) alone stays an image
    film, data, masks = random_complex(2, 4, 7, 6), random_complex(2, 4, 7, 6, seed=8), random_mask(4, 7, 6, seed=5)
    together = DataConsistency(0.5)(film, data, masks)
    for frame in range(4):
        alone = DataConsistency(0.5)(film[0, frame], data[0, frame], masks[frame])
        assert torch.allclose(together[0, frame], alone, atol=1e-6)


# --- backward ---------------------------------------------------------------------------------------------------


@every_size
@every_strength
def test_backward_is_the_closed_form(size, strength):
    # the Jacobian is Fᴴ Λ F, its own adjoint: the gradient that arrives goes through the same filter
    image, measured, mask = acquisition(size)
    image.requires_grad_()
    arriving = random_complex(2, 1, *size, seed=11)
    DataConsistency(strength)(image, measured, mask).backward(arriving)
    left = 0.0 if strength is None else 1 / (1 + strength)
    expected = numpy_ifft(np.where(mask.numpy(), left, 1.0) * numpy_fft(arriving.numpy().astype(complex)))
    assert torch.allclose(image.grad.to(torch.complex128), torch.from_numpy(expected), atol=2e-6)


@pytest.mark.parametrize("strength", [0.2, 1.0, 8.0])
def test_derivative_with_respect_to_the_strength_is_the_closed_form(strength):
    image, measured, mask = acquisition((7, 6), dtype=torch.complex128)
    layer = DataConsistency(strength, learned=True).double()
    arriving = random_complex(2, 1, 7, 6, seed=11, dtype=torch.complex128)
    layer(image, measured, mask).backward(arriving)
    # ∂s/∂λ = (s_0 - s) / (1 + λ)² where sampled, else 0; the chain rule with λ = exp(p) gives one more λ
    own = numpy_fft(image.numpy())
    slope = np.where(mask.numpy(), (measured.numpy() - own) / (1 + strength) ** 2, 0)
    expected = strength * np.real(np.vdot(numpy_fft(arriving.numpy()), slope))
    assert float(layer.log_strength.grad) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("number", [None, 3])
@pytest.mark.parametrize("strength", [None, 0.0, 0.7])
def test_gradcheck_of_image_and_data(strength, number):
    image, _, mask = acquisition((4, 3), dtype=torch.complex128)
    maps = None if number is None else coils(number, (4, 3), dtype=torch.complex128)
    measured = random_complex(2, number or 1, 4, 3, seed=3, dtype=torch.complex128)
    image.requires_grad_(), measured.requires_grad_()
    layer = DataConsistency(strength)
    assert torch.autograd.gradcheck(lambda x, y: layer(x, y, mask, maps), (image, measured))


@pytest.mark.parametrize("number", [None, 3])
def test_gradcheck_of_the_learned_strength(number):
    image, _, mask = acquisition((4, 3), dtype=torch.complex128)
    maps = None if number is None else coils(number, (4, 3), dtype=torch.complex128)
    measured = random_complex(2, number or 1, 4, 3, seed=3, dtype=torch.complex128)
    layer = DataConsistency(0.4, learned=True).double()

    def of_the_logarithm(p):
        return torch.func.functional_call(layer, {"log_strength": p}, (image, measured, mask, maps))

    assert torch.autograd.gradcheck(of_the_logarithm, (layer.log_strength.detach().clone().requires_grad_(),))


# --- the learned strength ---------------------------------------------------------------------------------------


def test_a_fixed_strength_has_no_parameter_and_a_learned_one_has_one():
    assert not list(DataConsistency(2.0).parameters()) and DataConsistency(2).strength == 2.0
    assert not list(DataConsistency().parameters()) and DataConsistency().strength is None
    layer = DataConsistency(2.0, learned=True)
    assert [parameter.numel() for parameter in layer.parameters()] == [1]
    assert layer.strength == pytest.approx(2.0)
    assert "2.0" in repr(DataConsistency(2.0)) and "learned=True" in repr(layer)
    image, measured, mask = acquisition((7, 6))
    fixed = DataConsistency(2.0)(image, measured, mask)
    assert torch.allclose(layer(image, measured, mask), fixed, atol=1e-6)


def test_a_saved_strength_comes_back():
    layer = DataConsistency(1.0, learned=True)
    layer.load_state_dict(DataConsistency(5.0, learned=True).state_dict())
    assert layer.strength == pytest.approx(5.0)


@pytest.mark.parametrize("target", [0.0, math.inf])
def test_a_learned_strength_stays_positive_whatever_pulls_at_it(target):
    # data that are all wrong pull λ to 0, an image that is all wrong to infinity; the steps are huge on purpose
    image, measured, mask = acquisition((7, 6))
    goal = image if target == 0 else DataConsistency()(image, measured, mask)
    layer = DataConsistency(1.0, learned=True)
    updates = torch.optim.SGD(layer.parameters(), lr=5.0)
    for _ in range(50):
        updates.zero_grad()
        (layer(image, measured, mask) - goal).abs().square().sum().backward()
        updates.step()
    assert 0 < layer.strength < math.inf
    assert layer.strength < 1e-2 if target == 0 else layer.strength > 1e2


def test_learning_finds_how_far_noisy_data_can_be_trusted():
    # image error of variance a, noise of variance b: the best weight is λ / (1 + λ) = a / (a + b), so λ = a / b
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(64, 64, generator=generator, dtype=torch.complex64)
    image = truth + 0.6 * torch.randn(truth.shape, generator=generator, dtype=torch.complex64)
    noise = 0.3 * torch.randn(truth.shape, generator=generator, dtype=torch.complex64)
    mask = random_mask(64, 64, share=0.5)
    measured = torch.where(mask, kspace.fft2c(truth) + noise, 0)
    layer = DataConsistency(1.0, learned=True)
    updates = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(150):
        updates.zero_grad()
        (layer(image, measured, mask) - truth).abs().square().mean().backward()
        updates.step()
    # 2000 samples or so: a few per cent of sampling error
    assert layer.strength == pytest.approx(4.0, rel=0.15)


# --- several coils ----------------------------------------------------------------------------------------------


@every_strength
@pytest.mark.parametrize("own_maps", [False, True])
def test_coils_are_made_consistent_one_by_one_and_combined(strength, own_maps):
    size, number = (7, 6), 4
    image, _, mask = acquisition(size)
    maps = coils(number, size, images=2 if own_maps else None)
    measured = random_complex(2, number, *size, seed=3)
    found = DataConsistency(strength)(image, measured, mask, maps)
    expected = torch.zeros(2, 1, *size, dtype=torch.complex128)
    for coil in range(number):
        sensitivity = maps[:, coil : coil + 1] if own_maps else maps[coil]
        view = by_hand(image * sensitivity, measured[:, coil : coil + 1], mask, strength)
        expected += view * sensitivity.conj()
    assert found.shape == image.shape
    assert torch.allclose(found.to(torch.complex128), expected, atol=5e-6)


def test_one_coil_of_sensitivity_1_is_the_single_coil_layer():
    image, measured, mask = acquisition((7, 6))
    layer, ones = DataConsistency(0.5), torch.ones(1, 7, 6, dtype=torch.complex64)
    assert torch.allclose(layer(image, measured, mask, ones), layer(image, measured, mask), atol=1e-6)
    # an image without a batch axis, as kspace.forward takes it
    alone = layer(image[0, 0], measured[0], mask[0], ones)
    assert torch.allclose(alone, layer(image, measured, mask)[0, 0], atol=1e-6)


def test_with_coils_it_is_a_step_towards_the_data_and_many_steps_arrive():
    size = (16, 16)
    truth, mask = random_complex(1, 1, *size), random_mask(*size, share=0.5)
    maps = torch.from_numpy(kspace.birdcage_sensitivities(size, 4))
    measured = kspace.forward(truth, mask, maps)
    layer, image, gaps = DataConsistency(), torch.zeros_like(truth), []
    for _ in range(100):
        image = layer(image, measured, mask, maps)
        gaps.append(float((kspace.forward(image, mask, maps) - measured).abs().square().sum().sqrt()))
    # the data as a whole come nearer in every step, are not met after one, and are nearly met after many
    start = float(measured.abs().square().sum().sqrt())
    assert all(later <= earlier * (1 + 1e-5) for earlier, later in zip(gaps, gaps[1:], strict=False))
    assert gaps[0] > 0.05 * start and gaps[-1] < 0.05 * gaps[0]


def matrix(mask, maps):
    """A = M F S for one image (1, 1, H, W), written out: its columns are what the coils measure of each pixel."""
    size = mask.shape[-2:]
    pixels = np.eye(size[0] * size[1]).reshape(-1, 1, *size)
    return (mask.numpy() * numpy_fft(maps.numpy() * pixels)).reshape(len(pixels), -1).T


@pytest.mark.parametrize("size", [(8, 6), (7, 5)], ids=str)
@pytest.mark.parametrize("strength", [0.3, 4.0, None])
def test_conjugate_gradients_find_the_minimum_with_several_coils(size, strength):
    """A dense matrix as the oracle: argmin |x - image|² + λ |A x - measured|²; λ → ∞ is the least change that fits."""
    double = torch.complex128
    image, _, mask = acquisition(size, images=1, dtype=double)
    maps = coils(3, size, dtype=double)
    measured = torch.where(mask, random_complex(1, 3, *size, seed=3, dtype=double), 0)
    system, start = matrix(mask[0, 0], maps), image.numpy().ravel()
    missing = measured.numpy().ravel() - system @ start
    if strength is None:
        change = np.linalg.pinv(system, rcond=1e-9) @ missing
    else:
        gram = system.conj().T @ system
        change = np.linalg.solve(np.eye(len(gram)) + strength * gram, strength * system.conj().T @ missing)
    found = DataConsistency(strength, iterations=200)(image, measured, mask, maps)
    assert np.allclose(found.numpy().ravel(), start + change, atol=1e-6)
    one_step = DataConsistency(strength)(image, measured, mask, maps)
    assert not torch.allclose(one_step, found, atol=1e-2)


def test_conjugate_gradients_change_nothing_with_one_coil_or_strength_0():
    image, measured, mask = acquisition((8, 6))
    assert torch.equal(
        DataConsistency(0.7, iterations=5)(image, measured, mask), DataConsistency(0.7)(image, measured, mask)
    )
    many, maps = random_complex(2, 3, 8, 6, seed=3), coils(3, (8, 6))
    assert torch.equal(DataConsistency(0.0, iterations=5)(image, many, mask, maps), image)


def test_gradcheck_through_conjugate_gradients():
    image, _, mask = acquisition((4, 3), dtype=torch.complex128)
    maps, measured = (
        coils(2, (4, 3), dtype=torch.complex128),
        random_complex(2, 2, 4, 3, seed=3, dtype=torch.complex128),
    )
    layer = DataConsistency(0.6, learned=True, iterations=4).double()

    def apply(x, y, _):
        return layer(x, y, mask, maps)

    inputs = image.requires_grad_(), measured.requires_grad_(), layer.log_strength
    assert torch.autograd.gradcheck(apply, inputs)


@pytest.mark.parametrize("iterations", [0, 1.5, "3"])
def test_iterations_that_are_no_count_are_refused(iterations):
    with pytest.raises((TypeError, ValueError), match="iterations: expected"):
        DataConsistency(iterations=iterations)


# --- independent oracles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(8, 6), (7, 5)], ids=str)
@pytest.mark.parametrize("strength", [0.3, 4.0])
def test_monai_soft_data_consistency_agrees(size, strength):
    blocks = pytest.importorskip("monai.apps.reconstruction.networks.blocks.varnetblock")
    fft_utils = pytest.importorskip("monai.networks.blocks.fft_utils_t")
    image, measured, _ = acquisition(size)
    mask = random_mask(2, 1, 1, size[1], share=0.5).expand(2, 1, *size)
    block = blocks.VarNetBlock(torch.nn.Identity())
    with torch.no_grad():
        block.dc_weight.fill_(strength / (1 + strength))  # what MONAI learns is the share, not λ
    own = fft_utils.fftn_centered_t(torch.view_as_real(image), spatial_dims=2)
    gap = block.soft_dc(own, torch.view_as_real(measured), mask[..., None])
    expected = torch.view_as_complex(fft_utils.ifftn_centered_t((own - gap).detach(), spatial_dims=2))
    assert torch.allclose(DataConsistency(strength)(image, measured, mask), expected, atol=2e-6)


def test_sigpy_finds_the_same_minimum():
    # one coil: the minimum of |x - image|² + λ |M F x - measured|²
    linop = pytest.importorskip("sigpy.linop")
    app = pytest.importorskip("sigpy.app")
    image, measured, mask = acquisition((8, 6), images=1)
    strength, keep = 0.7, mask[0, 0].numpy()
    operator = math.sqrt(strength) * linop.Multiply((8, 6), keep) * linop.FFT((8, 6), center=True)
    data = math.sqrt(strength) * measured[0, 0].numpy()
    found = app.LinearLeastSquares(
        operator, data, lamda=1.0, z=image[0, 0].numpy(), max_iter=60, show_pbar=False
    ).run()  # fmt: skip
    expected = DataConsistency(strength)(image, measured, mask)[0, 0]
    assert np.allclose(found, expected.numpy(), atol=1e-4)


# --- autocast, devices, refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize("learned", [False, True])
def test_autocast_changes_nothing(learned):
    image, measured, mask = acquisition((8, 6))
    layer, maps = DataConsistency(0.5, learned=learned), coils(3, (8, 6))
    many = random_complex(2, 3, 8, 6, seed=3)
    plain = layer(image, measured, mask), layer(image, many, mask, maps)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = layer(image, measured, mask), layer(image, many, mask, maps)
    for one, other in zip(plain, cast, strict=True):
        assert other.dtype == torch.complex64 and torch.equal(one, other)


def test_inputs_are_left_as_they_were():
    image, measured, mask = acquisition((8, 6))
    before = [part.clone() for part in (image, measured, mask)]
    DataConsistency(0.5)(image, measured, mask)
    assert all(torch.equal(old, new) for old, new in zip(before, (image, measured, mask), strict=True))


@pytest.mark.parametrize("strength", ["1", True, [1.0]])
def test_a_strength_that_is_no_number_is_refused(strength):
    with pytest.raises(TypeError, match="strength: expected a number"):
        DataConsistency(strength)


@pytest.mark.parametrize("strength", [-0.1, math.inf, math.nan])
def test_a_strength_out_of_range_is_refused(strength):
    with pytest.raises(ValueError, match="strength: expected a finite number of at least 0"):
        DataConsistency(strength)


@pytest.mark.parametrize("strength", [None, 0.0])
def test_learning_needs_a_start(strength):
    with pytest.raises(ValueError, match="above 0 where learning starts"):
        DataConsistency(strength, learned=True)


def nan(values):
    values = values.clone()
    values[..., 0, 0] = float("nan")
    return values


REFUSED = {
    "numpy data": (lambda x, y, m: (x, y.numpy(), m), TypeError, "measured: expected a complex tensor, got ndarray"),
    "numpy image": (lambda x, y, m: (x.numpy(), y, m), TypeError, "image: expected"),
    "numpy mask": (lambda x, y, m: (x, y, m.numpy()), TypeError, "mask: expected"),
    "real image": (lambda x, y, m: (x.abs(), y, m), TypeError, "image: expected complex"),
    "real data": (lambda x, y, m: (x, y.real, m), TypeError, "measured: expected complex"),
    "whole numbers": (lambda x, y, m: (x, y.real.int(), m), TypeError, "measured: expected"),
    "mask of numbers": (lambda x, y, m: (x, y, m.float()), TypeError, "mask: expected bool"),
    "NaN in the data": (lambda x, y, m: (x, nan(y), m), ValueError, "measured: expected finite"),
    "NaN in the image": (lambda x, y, m: (nan(x), y, m), ValueError, "image: expected finite"),
    "empty mask": (lambda x, y, m: (x, y, torch.zeros_like(m)), ValueError, "mask: expected at least one"),
    "one empty mask": (
        lambda x, y, m: (x, y, m & torch.tensor([True, False])[:, None, None, None]),
        ValueError,
        "mask",
    ),
    "mask of another size": (lambda x, y, m: (x, y, m[..., 1:]), ValueError, "mask: expected shape"),
    "mask of other images": (lambda x, y, m: (x, y, torch.cat([m, m])), ValueError, "mask: expected shape"),
    "mask a line": (lambda x, y, m: (x, y, m[0, 0, 0]), ValueError, "mask: expected shape"),
    "image of another size": (
        lambda x, y, m: (x[..., 1:], y, m),
        ValueError,
        r"image: expected the shape \(2, 1, 7, 6\)",
    ),
    "image of other images": (lambda x, y, m: (x[:1], y, m), ValueError, "image: expected the shape"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_say_what_was_expected(name):
    change, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        DataConsistency()(*change(*acquisition((7, 6))))


@pytest.mark.parametrize(
    ("maps", "error"),
    [
        (coils(4, (7, 6)), ValueError),
        (coils(3, (6, 7)), ValueError),
        (coils(3, (7, 6), images=4), ValueError),
        (coils(3, (7, 6)).numpy(), TypeError),
    ],
)
def test_sensitivities_that_do_not_fit_are_refused(maps, error):
    image, _, mask = acquisition((7, 6))
    with pytest.raises(error, match="sensitivities: expected"):
        DataConsistency()(image, random_complex(2, 3, 7, 6), mask, maps)


def test_coil_data_without_sensitivities_are_refused():
    image, _, mask = acquisition((7, 6))
    with pytest.raises(ValueError, match=r"image: expected the shape \(2, 3, 7, 6\)"):
        DataConsistency()(image, random_complex(2, 3, 7, 6), mask)
    with pytest.raises(ValueError, match=r"image: expected the shape \(2, 1, 7, 6\)"):
        many = random_complex(2, 3, 7, 6)
        DataConsistency()(many, many, mask, coils(3, (7, 6)))


def test_another_device_is_refused():
    class Elsewhere(torch.Tensor):
        """A mask that says it is elsewhere: no second device is needed for the message."""

        device = property(lambda self: torch.device("cuda"))

    measured, mask = random_complex(2, 1, 7, 6), random_mask(7, 6)
    with pytest.raises(ValueError, match="mask: expected the device"):
        check_acquisition(measured, mask.as_subclass(Elsewhere))
