"""k-space: the FFT is centred and unitary, forward and adjoint are adjoint; MONAI, sigpy and a matrix as oracles."""

import numpy as np
import pytest
import torch

from course_lib import kspace, noise
from course_lib.kspace.checks import check_complex
from course_lib.kspace.phase import _cosines

SIZES = [(8, 8), (7, 9), (16, 5), (5, 12), (1, 1), (1, 6)]
KINDS = ["numpy", "torch"]


def random(*shape, kind="torch", seed=0, dtype=np.complex128):
    rng = np.random.default_rng(seed)
    values = (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return values if kind == "numpy" else torch.from_numpy(values)


def mask_for(height, width, kind="torch", acceleration=2.0, center_fraction=0.2, **options):
    generator = np.random.default_rng(5) if kind == "numpy" else torch.Generator().manual_seed(5)
    return kspace.cartesian_mask((height, width), acceleration, center_fraction, generator=generator, **options)


def seeded(kind, seed=0):
    return np.random.default_rng(seed) if kind == "numpy" else torch.Generator().manual_seed(seed)


def dot(a, b):
    return np.vdot(np.asarray(a), np.asarray(b))


def centred_dft(size):
    """The matrix of the centred orthonormal transform, from its definition."""
    place = np.arange(size) - size // 2
    return np.exp(-2j * np.pi * np.outer(place, place) / size) / np.sqrt(size)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_fft2c_is_the_sum_that_defines_it(kind, size):
    image = random(3, 1, *size, kind=kind)
    expected = centred_dft(size[0]) @ np.asarray(image) @ centred_dft(size[1]).T
    assert np.allclose(np.asarray(kspace.fft2c(image)), expected, atol=1e-12)
    back = centred_dft(size[0]).conj().T @ np.asarray(image) @ centred_dft(size[1]).conj()
    assert np.allclose(np.asarray(kspace.ifft2c(image)), back, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_fft2c_keeps_energy_and_is_undone(kind, size):
    image = random(2, 1, *size, kind=kind)
    spectrum = kspace.fft2c(image)
    assert (abs(spectrum) ** 2).sum() == pytest.approx(float((abs(image) ** 2).sum()), rel=1e-12)
    assert np.allclose(np.asarray(kspace.ifft2c(spectrum)), np.asarray(image), atol=1e-12)
    assert np.allclose(np.asarray(kspace.fft2c(kspace.ifft2c(image))), np.asarray(image), atol=1e-12)


@pytest.mark.parametrize("size", [(8, 6), (7, 5)])
def test_a_constant_is_one_value_in_the_middle_and_a_point_in_the_middle_is_flat(size):
    height, width = size
    spectrum = kspace.fft2c(np.ones(size, dtype=np.float32))
    middle = spectrum[height // 2, width // 2]
    assert middle == pytest.approx((height * width) ** 0.5)
    assert (abs(spectrum) ** 2).sum() == pytest.approx(abs(middle) ** 2, rel=1e-5)
    point = np.zeros(size, dtype=np.float32)
    point[height // 2, width // 2] = 1
    assert np.allclose(kspace.fft2c(point), (height * width) ** -0.5, atol=1e-6)


@pytest.mark.parametrize(
    ("dtype", "result"),
    [
        ("float16", "complex64"),
        ("float32", "complex64"),
        ("float64", "complex128"),
        ("complex64", "complex64"),
        ("complex128", "complex128"),
    ],
)
def test_fft2c_returns_single_precision_but_keeps_double(dtype, result):
    image = np.ones((4, 6), dtype=dtype)
    assert kspace.fft2c(image).dtype == result
    assert kspace.fft2c(torch.from_numpy(image)).dtype == getattr(torch, result)
    assert kspace.ifft2c(kspace.fft2c(image)).dtype == result
    assert kspace.fft2c(torch.ones(4, 6, dtype=torch.bfloat16)).dtype == torch.complex64


@pytest.mark.parametrize("size", [(12, 10), (9, 11)])
def test_fft2c_agrees_with_monai(size):
    blocks = pytest.importorskip("monai.networks.blocks.fft_utils_t")
    image = random(2, 3, *size, dtype=np.complex64)
    for ours, theirs in [(kspace.fft2c, blocks.fftn_centered_t), (kspace.ifft2c, blocks.ifftn_centered_t)]:
        expected = torch.view_as_complex(theirs(torch.view_as_real(image), spatial_dims=2, is_complex=True))
        assert torch.allclose(ours(image), expected, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 10), (9, 11)])
def test_fft2c_agrees_with_sigpy(size):
    sigpy = pytest.importorskip("sigpy")
    image = random(3, *size, kind="numpy")
    assert np.allclose(kspace.fft2c(image), sigpy.fft(image, axes=(-2, -1)), atol=1e-12)
    assert np.allclose(kspace.ifft2c(image), sigpy.ifft(image, axes=(-2, -1)), atol=1e-12)


def test_fft2c_passes_gradients():
    image = random(1, 1, 5, 4).requires_grad_()
    assert torch.autograd.gradcheck(kspace.fft2c, image)
    assert torch.autograd.gradcheck(kspace.ifft2c, image)


def coil_case(case, kind, dtype=np.complex128):
    """An image, its mask, sensitivities, and k-space that has the shape of its measurement."""
    options = {"kind": kind, "dtype": dtype}
    shapes = {"one": (7, 10), "batch": (3, 1, 7, 10), "film": (2, 4, 7, 10), "coils": (7, 10), "all": (3, 1, 7, 10)}
    image = random(*shapes[case], **options)
    mask = mask_for(7, 10, kind)
    if case == "film":
        mask = kspace.interleaved_mask(4, (7, 10), 2, 0.2, generator=seeded(kind))
    if case == "batch":  # a mask for each image
        masks = [mask_for(7, 10, kind, acceleration) for acceleration in (1, 2, 3)]
        mask = (np.stack if kind == "numpy" else torch.stack)(masks)[:, None]
    if case not in ("coils", "all"):
        return image, mask, None, random(*image.shape, seed=1, **options)
    maps = random(*((3, 5, 7, 10) if case == "all" else (5, 7, 10)), seed=2, **options)
    return image, mask, maps, random(*((3, 5, 7, 10) if case == "all" else (5, 7, 10)), seed=1, **options)


CASES = ["one", "batch", "film", "coils", "all"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_adjoint_is_the_adjoint_of_forward(kind, case):
    for dtype, tolerance in [(np.complex64, 1e-5), (np.complex128, 1e-12)]:
        x, mask, maps, y = coil_case(case, kind, dtype)
        ahead, back = kspace.forward(x, mask, maps), kspace.adjoint(y, mask, maps)
        assert ahead.shape == y.shape and back.shape == x.shape
        assert ahead.dtype == x.dtype and back.dtype == x.dtype and type(ahead) is type(x)
        size = np.linalg.norm(np.asarray(ahead)) * np.linalg.norm(np.asarray(y))
        assert abs(dot(ahead, y) - dot(x, back)) < tolerance * size


@pytest.mark.parametrize("case", CASES)
def test_numpy_and_torch_are_the_same_forward(case):
    x, mask, maps, y = coil_case(case, "numpy")
    tensors = [None if part is None else torch.from_numpy(part) for part in (x, mask, maps, y)]
    assert np.allclose(kspace.forward(x, mask, maps), kspace.forward(*tensors[:3]).numpy(), atol=1e-12)
    assert np.allclose(kspace.adjoint(y, mask, maps), kspace.adjoint(tensors[3], *tensors[1:3]).numpy(), atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_forward_is_linear_and_zero_where_not_measured(case):
    x, mask, maps, _ = coil_case(case, "torch")
    other = random(*x.shape, seed=9)
    together = kspace.forward(x + (2 - 3j) * other, mask, maps)
    apart = kspace.forward(x, mask, maps) + (2 - 3j) * kspace.forward(other, mask, maps)
    assert torch.allclose(together, apart)
    assert not together[~mask.expand(together.shape)].any() and together[mask.expand(together.shape)].all()


@pytest.mark.parametrize("case", ["one", "batch", "film"])
def test_forward_of_the_adjoint_is_the_mask(case):
    _, mask, _, y = coil_case(case, "torch")
    assert torch.allclose(kspace.forward(kspace.adjoint(y, mask), mask), y * mask, atol=1e-12)


def test_forward_agrees_with_sigpy_sense():
    linop = pytest.importorskip("sigpy.mri.linop")
    image, mask, maps, y = coil_case("coils", "numpy")
    # sigpy multiplies by the square root of its weights
    sense = linop.Sense(maps, weights=mask.astype(float))
    assert np.allclose(kspace.forward(image, mask, maps), sense(image), atol=1e-12)
    assert np.allclose(kspace.adjoint(y, mask, maps), sense.H(y), atol=1e-12)


def test_forward_and_adjoint_pass_gradients():
    mask, maps = mask_for(3, 4), random(2, 3, 4, seed=2)
    image, y = random(2, 1, 3, 4).requires_grad_(), random(2, 2, 3, 4, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: kspace.forward(x, mask, maps), image)
    assert torch.autograd.gradcheck(lambda k: kspace.adjoint(k, mask, maps), y)


@pytest.mark.parametrize("kind", KINDS)
def test_undersample_without_noise_is_forward_and_takes_real_images(kind):
    image, mask, maps, _ = coil_case("coils", kind)
    for picture in (image, image.real):
        assert np.array_equal(kspace.undersample(picture, mask), kspace.forward(picture, mask))
        assert np.array_equal(
            kspace.undersample(picture, mask, sensitivities=maps), kspace.forward(picture, mask, maps)
        )


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_where_measured_white_and_of_the_right_strength(kind):
    from scipy import stats

    image = np.zeros((4, 1, 64, 65), dtype=np.float32)
    image = image if kind == "numpy" else torch.from_numpy(image)
    mask = mask_for(64, 65, kind)
    maps = kspace.birdcage_sensitivities((64, 65), 3)
    maps = maps if kind == "numpy" else torch.from_numpy(maps)
    for options in ({}, {"sensitivities": maps}):
        measured = np.asarray(kspace.undersample(image, mask, sigma=0.1, generator=seeded(kind), **options))
        where = np.broadcast_to(np.asarray(mask), measured.shape)
        assert not measured[~where].any(), "noise where nothing was measured"
        for channel in (measured.real[where], measured.imag[where]):
            assert stats.kstest(channel, stats.norm(0, 0.1).cdf).pvalue > 0.001
        assert abs(np.corrcoef(measured.real[where], measured.imag[where])[0, 1]) < 0.04
    assert measured.dtype == np.complex64


@pytest.mark.parametrize("kind", KINDS)
def test_noise_of_a_place_does_not_depend_on_the_mask(kind):
    image = random(6, 8, kind=kind)
    few, many = mask_for(6, 8, kind, 4), mask_for(6, 8, kind, 1)
    one, other = (kspace.undersample(image, mask, sigma=0.3, generator=seeded(kind, 3)) for mask in (few, many))
    assert np.array_equal(one[few], other[few])
    assert not np.array_equal(one, kspace.undersample(image, few, sigma=0.3, generator=seeded(kind, 4)))


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_that_of_the_noise_module(kind):
    image, mask = random(6, 8, kind=kind, dtype=np.complex64), mask_for(6, 8, kind, 1)
    measured = kspace.undersample(image, mask, sigma=0.3, generator=seeded(kind))
    expected = noise.complex_gaussian(kspace.fft2c(image), 0.3, generator=seeded(kind))
    assert np.array_equal(measured, expected)


def test_undersample_leaves_the_global_random_state_alone():
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    mask = kspace.cartesian_mask((8, 8), 2, 0.2)
    image = kspace.with_phase(np.ones((8, 8)))
    kspace.undersample(image, mask, sigma=1.0)
    kspace.with_phase(torch.ones(1, 1, 8, 8), strength=2.0)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_zero_filled_is_the_adjoint_of_what_was_measured(kind, case):
    image, mask, maps, _ = coil_case(case, kind)
    measured = kspace.undersample(image, mask, sensitivities=maps)
    assert np.allclose(kspace.zero_filled(measured, maps), kspace.adjoint(measured, mask, maps), atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coils", [None, 4])
def test_zero_filled_gives_the_image_back_when_all_is_measured(kind, coils):
    image = random(2, 1, 9, 12, kind=kind, dtype=np.complex64)
    everything = mask_for(9, 12, kind, 1)
    maps = None if coils is None else kspace.birdcage_sensitivities((9, 12), coils)
    maps = torch.from_numpy(maps) if maps is not None and kind == "torch" else maps
    measured = kspace.undersample(image, everything, sensitivities=maps)
    assert np.allclose(kspace.zero_filled(measured, maps), image, atol=1e-5)


def test_every_other_line_folds_the_image_over():
    image = random(12, 16, kind="numpy")
    mask = np.zeros((12, 16), dtype=bool)
    mask[:, ::2] = True
    folded = (image + np.roll(image, 8, axis=1)) / 2
    assert np.allclose(kspace.zero_filled(kspace.undersample(image, mask)), folded, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(21, 30), (5, 21, 30), (3, 2, 21, 30)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_with_phase_keeps_the_magnitude_and_is_smooth(kind, shape, dtype):
    image = np.random.default_rng(0).random(shape).astype(dtype) + 0.1
    given = image if kind == "numpy" else torch.from_numpy(image)
    result = kspace.with_phase(given, generator=seeded(kind), strength=0.5)
    assert type(result) is type(given) and str(result.dtype).endswith({"4": "128", "2": "64"}[dtype[-1]])
    assert np.allclose(abs(np.asarray(result)), image, rtol=1e-5)
    turn = np.asarray(result) / image
    for axis in (-1, -2):  # neighbours differ by a small part of a turn: at most 3 half waves along 21 pixels
        steps = np.angle(
            np.take(turn, range(1, turn.shape[axis]), axis) / np.take(turn, range(turn.shape[axis] - 1), axis)
        )
        assert abs(steps).max() < 0.6
    if len(shape) == 3:
        assert np.allclose(turn[1:], turn[:1], atol=1e-5), "frames of one film share the phase"
    if len(shape) == 4:
        assert np.allclose(turn[:, 1:], turn[:, :1], atol=1e-5)
        assert abs(turn[1:] - turn[:-1]).mean() > 0.1, "each image has a phase of its own"


@pytest.mark.parametrize("kind", KINDS)
def test_with_phase_has_the_strength_that_was_asked_for(kind):
    ones = np.ones((50, 1, 40, 30), dtype=np.float64)
    ones = ones if kind == "numpy" else torch.from_numpy(ones)
    turn = np.asarray(kspace.with_phase(ones, generator=seeded(kind), strength=0.3))
    middle = turn.mean((1, 2, 3), keepdims=True)
    phase = np.angle(turn / middle)
    assert np.allclose(phase.std((1, 2, 3)), 0.3, rtol=1e-3)
    constant = np.asarray(kspace.with_phase(ones, generator=seeded(kind), strength=0.0))
    assert np.allclose(constant, constant[:, :, :1, :1])
    # the constant comes from the full circle: its mean direction has standard deviation 0.1
    assert abs((middle / abs(middle)).mean()) < 0.4


@pytest.mark.parametrize("size", [5, 32, 181])
def test_the_waves_of_the_phase_are_equally_strong_and_unlike(size):
    waves = _cosines(size)
    assert np.allclose(waves @ waves.T / size, np.eye(4), atol=1e-12)
    assert [np.count_nonzero(np.diff(np.sign(wave))) for wave in waves] == [0, 1, 2, 3]


def test_with_phase_takes_the_symmetry_of_a_real_image_away():
    image = np.random.default_rng(0).random((31, 33))

    def asymmetry(picture):
        spectrum = kspace.fft2c(picture)  # odd sizes: the flip maps k to -k
        mirrored = spectrum[::-1, ::-1].conj()
        best = np.vdot(mirrored, spectrum) / abs(np.vdot(mirrored, spectrum))  # a constant phase is no help
        return np.linalg.norm(spectrum - best * mirrored) / np.linalg.norm(spectrum)

    assert asymmetry(image) < 1e-6
    assert asymmetry(kspace.with_phase(image, generator=np.random.default_rng(1), strength=0)) < 1e-6
    assert asymmetry(kspace.with_phase(image, generator=np.random.default_rng(1))) > 0.5


def test_with_phase_of_one_seed_is_one_phase_at_any_dtype():
    first, second = (
        kspace.with_phase(torch.ones(2, 1, 9, 8, dtype=dtype), generator=torch.Generator().manual_seed(2))
        for dtype in (torch.float32, torch.float64)
    )
    assert torch.allclose(first.to(torch.complex128), second, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_point_spread_is_the_response_to_a_point(kind):
    for height, width in [(12, 16), (9, 13)]:
        mask = mask_for(height, width, kind, 3)
        point = np.zeros((height, width), dtype=np.complex64)
        point[height // 2, width // 2] = 1
        point = point if kind == "numpy" else torch.from_numpy(point)
        spread = kspace.point_spread(mask)
        assert type(spread) is type(mask) and "complex64" in str(spread.dtype)
        assert np.allclose(spread, kspace.zero_filled(kspace.undersample(point, mask)), atol=1e-6)
        assert complex(spread[height // 2, width // 2]) == pytest.approx(1 / kspace.acceleration_of(mask), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_incoherence_of_masks_whose_ghosts_are_known(kind):
    every = np.ones((12, 16), dtype=bool)
    other = every.copy()
    other[:, ::2] = False  # one ghost, as bright as the image
    centred = other.copy()
    centred[:, 6:11] = True  # columns 6, 8, 10 come in: what they measure makes no ghost
    masks = np.stack([every, other, centred])
    masks = masks if kind == "numpy" else torch.from_numpy(masks)
    values = kspace.incoherence(masks)
    assert type(values) is type(masks) and values.shape == (3,)
    assert float(values[0]) == pytest.approx(0, abs=1e-6)
    assert float(values[1]) == pytest.approx(1, rel=1e-5)
    assert float(values[2]) == pytest.approx((8 - 3) / 11, rel=1e-5)
    assert kspace.incoherence(masks[1]) == pytest.approx(1, rel=1e-5)


def test_random_masks_are_more_incoherent_than_regular_ones():
    def mean(kind, **options):
        return np.mean(
            [
                kspace.incoherence(
                    kspace.cartesian_mask((64, 128), 4, 0.08, kind=kind, generator=seeded("numpy", seed), **options)
                )
                for seed in range(8)
            ]
        )

    assert mean("regular") > 1.5 * mean("random")
    assert mean("random") > 3 * mean("random", points=True), "points: two directions in which aliasing can spread"


@pytest.mark.parametrize("kind", KINDS)
def test_huge_values_are_finite_and_infinite_ones_that_cancel_are_not(kind):
    huge = np.full((4, 6), 3e38, dtype=np.complex64)  # their sum is infinite in single precision
    opposite = np.zeros((4, 6), dtype=np.complex64)
    opposite[0, :2] = np.inf, -np.inf
    huge, opposite = (array if kind == "numpy" else torch.from_numpy(array) for array in (huge, opposite))
    assert check_complex(huge, "image") is huge
    with pytest.raises(ValueError, match="image: expected finite values"):
        kspace.fft2c(opposite)


IMAGE, MASK = np.ones((6, 8), dtype=np.complex64), np.ones((6, 8), dtype=bool)
MAPS = np.ones((3, 6, 8), dtype=np.complex64)
NAN = np.full((6, 8), np.nan, dtype=np.complex64)
HALF_NAN = np.ones((6, 8), dtype=np.complex64)
HALF_NAN.imag[2, 3] = np.nan


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: kspace.fft2c([[1.0]]), TypeError, "image: expected a numpy array or a torch tensor, got list"),
        (lambda: kspace.fft2c(np.ones((2, 2), int)), TypeError, "image: expected floating-point values .* got int64"),
        (lambda: kspace.fft2c(np.ones(4)), ValueError, r"image: expected shape \(…, H, W\), got \(4,\)"),
        (lambda: kspace.fft2c(np.ones((0, 4))), ValueError, "image: expected at least one pixel"),
        (lambda: kspace.fft2c(NAN), ValueError, "image: expected finite values, got NaN"),
        (lambda: kspace.fft2c(HALF_NAN), ValueError, "image: expected finite values, got NaN"),
        (lambda: kspace.fft2c(torch.from_numpy(NAN)), ValueError, "image: expected finite values, got NaN"),
        (lambda: kspace.ifft2c(np.ones((4, 4))), TypeError, "kspace: expected complex values, got float64"),
        (lambda: kspace.ifft2c(torch.ones(4, 4)), TypeError, "kspace: expected complex values, got torch.float32"),
        (lambda: kspace.adjoint(IMAGE.real, MASK), TypeError, "measured: expected complex values, got float32"),
        (lambda: kspace.zero_filled(IMAGE.real), TypeError, "measured: expected complex values, got float32"),
        (lambda: kspace.zero_filled(torch.from_numpy(HALF_NAN)), ValueError, "measured: expected finite values"),
        (lambda: kspace.forward(NAN, MASK), ValueError, "image: expected finite values"),
        (lambda: kspace.forward(IMAGE, MASK[:, :7]), ValueError, r"mask: .*\(6, 8\).* got \(6, 7\)"),
        (lambda: kspace.forward(IMAGE, MASK[None]), ValueError, r"mask: .*broadcasts to the \(6, 8\).*got \(1, 6, 8\)"),
        (lambda: kspace.forward(IMAGE[None, None], np.stack([MASK] * 2)), ValueError, "mask: .*broadcasts"),
        (lambda: kspace.forward(IMAGE, MASK.astype(int)), TypeError, "mask: expected booleans, .* got int64"),
        (lambda: kspace.forward(IMAGE, MASK.tolist()), TypeError, "mask: expected booleans in a numpy .* got list"),
        (lambda: kspace.forward(IMAGE, ~MASK), ValueError, "mask: expected at least one measured place"),
        (
            lambda: kspace.forward(np.stack([IMAGE] * 2), np.stack([MASK, ~MASK])),
            ValueError,
            "mask: expected at least one measured place",
        ),
        (lambda: kspace.forward(IMAGE, torch.from_numpy(MASK)), TypeError, "mask: expected .*ndarray, got Tensor"),
        (lambda: kspace.adjoint(torch.from_numpy(IMAGE), MASK), TypeError, "mask: expected .*Tensor, got ndarray"),
        (lambda: kspace.undersample(IMAGE, MASK, sigma=-1), ValueError, "sigma: expected .* at least 0, got -1"),
        (lambda: kspace.undersample(IMAGE, MASK, sigma="1"), TypeError, "sigma: expected a number"),
        (
            lambda: kspace.undersample(IMAGE, MASK, sigma=1, generator=torch.Generator()),
            TypeError,
            "generator: expected a numpy.random.Generator",
        ),
        (lambda: kspace.forward(IMAGE, MASK, MAPS[:, :5]), ValueError, r"sensitivities: .*got \(3, 5, 8\)"),
        (lambda: kspace.forward(IMAGE, MASK, torch.from_numpy(MAPS)), TypeError, "sensitivities: expected .*ndarray"),
        (
            lambda: kspace.forward(IMAGE, MASK, MAPS.real.astype(int)),
            TypeError,
            "sensitivities: expected floating-point",
        ),
        (lambda: kspace.forward(IMAGE, MASK, MAPS * NAN), ValueError, "sensitivities: expected finite values"),
        (lambda: kspace.forward(IMAGE[None], MASK, MAPS), ValueError, r"sensitivities: .*\(1, 6, 8\)"),
        (lambda: kspace.forward(np.stack([IMAGE[None]] * 2), MASK, np.stack([MAPS] * 3)), ValueError, "sensitivities"),
        (lambda: kspace.adjoint(IMAGE, MASK, MAPS), ValueError, r"sensitivities: .*measured of shape \(coils, H, W\)"),
        (lambda: kspace.adjoint(MAPS[:2], MASK, MAPS), ValueError, r"sensitivities: .*\(2, 6, 8\)"),
        (lambda: kspace.point_spread(~MASK), ValueError, "mask: expected at least one measured place"),
        (lambda: kspace.incoherence(MASK[0]), ValueError, "mask: expected shape"),
        (lambda: kspace.with_phase(IMAGE, strength=-1), ValueError, "strength: expected"),
        (lambda: kspace.with_phase(IMAGE[None, None, None]), ValueError, r"image: .* got \(1, 1, 1, 6, 8\)"),
        (lambda: kspace.with_phase(NAN), ValueError, "image: expected finite values"),
        (
            lambda: kspace.with_phase(IMAGE, generator=torch.Generator()),
            TypeError,
            "generator: expected a numpy.random.Generator for a numpy array, got Generator",
        ),
        (
            lambda: kspace.with_phase(torch.ones(4, 4), generator=np.random.default_rng()),
            TypeError,
            "generator: expected a torch.Generator for a tensor, got Generator",
        ),
        (
            lambda: kspace.forward(torch.ones(4, 4), torch.ones(4, 4, dtype=torch.bool, device="meta")),
            ValueError,
            "mask: expected the device of kspace, cpu, got meta",
        ),
        (
            lambda: kspace.zero_filled(torch.from_numpy(MAPS), torch.from_numpy(MAPS).to("meta")),
            ValueError,
            "sensitivities: expected the device of measured, cpu, got meta",
        ),
    ],
)
def test_bad_input_gets_a_clear_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_everything_stays_on_the_gpu():
    for generator in (torch.Generator().manual_seed(0), torch.Generator("cuda").manual_seed(0)):
        image = kspace.with_phase(torch.rand(2, 1, 21, 16, device="cuda"), generator=generator)
        mask = kspace.cartesian_mask((21, 16), 2, 0.1, generator=generator).cuda()
        maps = torch.from_numpy(kspace.birdcage_sensitivities((21, 16), 3)).cuda()
        noise = torch.Generator("cuda").manual_seed(0)
        measured = kspace.undersample(image, mask, sigma=0.1, sensitivities=maps, generator=noise)
        assert measured.is_cuda and kspace.zero_filled(measured, maps).is_cuda
        expected = kspace.adjoint(measured.cpu(), mask.cpu(), maps.cpu())
        assert torch.allclose(kspace.adjoint(measured, mask, maps).cpu(), expected, atol=1e-5)
        assert kspace.incoherence(mask) == pytest.approx(kspace.incoherence(mask.cpu()), rel=1e-4)
    with torch.autocast("cuda", dtype=torch.float16):
        assert kspace.fft2c(torch.rand(1, 1, 21, 16, device="cuda").half()).dtype == torch.complex64
