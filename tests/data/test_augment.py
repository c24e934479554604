"""Corruptions and deformations: levels, places and shapes as they are promised, for each image of its own."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib import training
from course_lib.data import _deform, augment

EVERY = {
    "drop_pixels": augment.drop_pixels,
    "add_noise": augment.add_noise,
    "blank_square": partial(augment.blank_square, probability=1.0),
    "blur": partial(augment.blur, probability=1.0),
    "thesis_corruption": augment.thesis_corruption,
    "flip": partial(augment.flip, probability=1.0),
    "deform": augment.deform,
}


def seeded(seed=0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def ones(count=1, height=64, width=64, channels=1) -> torch.Tensor:
    return torch.ones(count, channels, height, width)


def smooth_image(height=65, width=80) -> torch.Tensor:
    noise = np.random.default_rng(0).standard_normal((height, width))
    image = ndimage.gaussian_filter(noise, 5)
    return torch.from_numpy((image - image.min()) / np.ptp(image)).float()[None]


# --- what holds for all of them


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(1, 33, 47), (3, 33, 47), (1, 1, 32, 32), (4, 2, 33, 46)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_kind_and_input_are_kept(name, shape, dtype):
    image = torch.rand(shape, generator=seeded(1)).to(dtype)
    before, state = image.clone(), torch.random.get_rng_state()
    result = EVERY[name](image, generator=seeded())
    assert result.shape == shape and result.dtype == dtype and torch.isfinite(result).all()
    assert torch.equal(image, before) and result.data_ptr() != image.data_ptr()
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", EVERY)
def test_a_seed_repeats_and_fresh_entropy_does_not(name):
    image = torch.rand(3, 1, 40, 40, generator=seeded(1))
    function = EVERY[name]
    assert torch.equal(function(image, generator=seeded(5)), function(image, generator=seeded(5)))
    if name != "flip" and name != "blur":
        assert not torch.equal(function(image, generator=seeded(5)), function(image, generator=seeded(6)))
        assert not torch.equal(function(image), function(image))


@pytest.mark.parametrize("name", ["drop_pixels", "add_noise", "blank_square", "thesis_corruption", "deform"])
def test_each_image_of_a_batch_has_its_own(name):
    image = torch.rand(1, 1, 40, 40, generator=seeded(1)).repeat(4, 1, 1, 1)
    result = EVERY[name](image, generator=seeded())
    assert len({each.numpy().tobytes() for each in result}) == 4


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.ones((1, 8, 8), np.float32), TypeError),
        (torch.ones(8, 8), ValueError),
        (torch.ones(1, 8, 8, dtype=torch.uint8), TypeError),
        (torch.full((1, 8, 8), torch.nan), ValueError),
        (torch.ones(0, 1, 8, 8), ValueError),
    ],
)
def test_bad_images_are_refused_in_words(name, image, error):
    with pytest.raises(error, match="image"):
        EVERY[name](image)


@pytest.mark.parametrize("name", EVERY)
def test_another_generator_is_refused_in_words(name):
    with pytest.raises(TypeError, match="torch.Generator"):
        EVERY[name](ones(), generator=np.random.default_rng())


@pytest.mark.parametrize(
    "call",
    [
        lambda: augment.drop_pixels(ones(), 1.5),
        lambda: augment.add_noise(ones(), -0.1),
        lambda: augment.blank_square(ones(), probability=2),
        lambda: augment.blank_square(ones(), (0.5, 0.2)),
        lambda: augment.blank_square(ones(), (0.5, 1.2)),
        lambda: augment.blur(ones(), 0),
        lambda: augment.blur(ones(1, 1, 8)),
        lambda: augment.flip(ones(), -1),
        lambda: augment.deform(ones(), rotation=-1),
        lambda: augment.deform(ones(), scale=1),
        lambda: augment.deform(ones(), bend=5, spacing=32),
    ],
)
def test_bad_settings_are_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", EVERY)
def test_on_a_gpu_with_a_generator_of_the_cpu_the_result_is_the_same(name):
    image = torch.rand(3, 1, 65, 80, generator=seeded(1))
    result = EVERY[name](image.cuda(), generator=seeded())
    assert result.is_cuda
    torch.testing.assert_close(result.cpu(), EVERY[name](image, generator=seeded()), atol=1e-5, rtol=1e-5)
    own = torch.Generator("cuda").manual_seed(0)
    assert EVERY[name](image.cuda(), generator=own).shape == image.shape


# --- dropped pixels


def test_dropped_pixels_are_zero_and_their_share_is_uniform():
    result = augment.drop_pixels(ones(2000, 50, 50), 0.05, generator=seeded())
    assert set(result.unique().tolist()) == {0.0, 1.0}
    shares = 1 - result.mean(dim=(1, 2, 3))
    assert shares.mean() == pytest.approx(0.025, abs=0.001)
    # uniform on [0, 0.05], widened by the counting of 2500 pixels
    assert shares.std() == pytest.approx((0.05**2 / 12 + 0.025 * 0.975 / 2500) ** 0.5, rel=0.05)
    assert shares.max() < 0.065


def test_a_pixel_is_dropped_in_all_channels():
    result = augment.drop_pixels(ones(2, channels=3), 0.9, generator=seeded())
    assert torch.equal(result[:, 0], result[:, 1]) and torch.equal(result[:, 0], result[:, 2])


# --- noise


def test_noise_has_a_uniform_sigma_of_each_image():
    result = augment.add_noise(torch.full((2000, 1, 30, 30), 0.5), 0.04, generator=seeded()) - 0.5
    sigmas = result.std(dim=(1, 2, 3))
    assert sigmas.mean() == pytest.approx(0.02, abs=0.001) and sigmas.max() < 0.044 and sigmas.min() < 0.001
    assert sigmas.std() == pytest.approx(0.04 / 12**0.5, rel=0.05)
    assert abs(float(result.mean())) < 1e-4, "no bias"
    assert augment.add_noise(ones(), 0.0).equal(ones())


# --- blank squares


@pytest.mark.parametrize(("height", "width"), [(128, 128), (128, 150), (217, 181)])
def test_blank_squares_are_squares_inside_with_the_sizes_of_the_thesis(height, width):
    result = augment.blank_square(ones(600, height, width), probability=1.0, generator=seeded())
    smallest, largest = round(10 / 128 * min(height, width)), round(40 / 128 * min(height, width))
    sides, tops, lefts = set(), [], []
    for image in result[:, 0]:
        rows, columns = (np.flatnonzero((image == 0).any(dim=axis).numpy()) for axis in (1, 0))
        assert len(rows) == len(columns) and (image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 0).all()
        assert (image == 0).sum() == len(rows) ** 2
        (
            sides.add(len(rows)),
            tops.append(rows[0] / (height - len(rows))),
            lefts.append(columns[0] / (width - len(rows))),
        )
    assert (min(sides), max(sides)) == (smallest, largest)
    if (height, width) == (128, 128):
        assert sides == set(range(10, 41)), "every size occurs"
    for places in (tops, lefts):  # anywhere, the border included
        assert min(places) == 0 and max(places) == 1 and np.mean(places) == pytest.approx(0.5, abs=0.05)


def test_blank_squares_come_with_their_probability():
    result = augment.blank_square(ones(5000, 16, 16), generator=seeded())
    assert (result.mean(dim=(1, 2, 3)) < 1).float().mean() == pytest.approx(0.1, abs=0.015)


# --- blur


def test_blur_is_a_gaussian_of_three_weights_with_a_mirrored_border():
    image = torch.rand(2, 3, 17, 22, generator=seeded(), dtype=torch.float64)
    expected = ndimage.gaussian_filter(image.numpy(), (0, 0, 0.6, 0.6), radius=(0, 0, 1, 1), mode="mirror")
    np.testing.assert_allclose(augment.blur(image, probability=1.0).numpy(), expected, atol=1e-12)


def test_blur_comes_with_its_probability():
    image = torch.rand(1, 1, 8, 8, generator=seeded()).repeat(5000, 1, 1, 1)
    blurred = (augment.blur(image, generator=seeded()) != image).flatten(1).any(dim=1)
    assert blurred.float().mean() == pytest.approx(0.1, abs=0.015)


# --- the thesis


def test_the_preset_is_that_of_the_thesis():
    assert augment.THESIS == {
        "dropped": 0.05, "sigma": 0.04, "blur_sigma": 0.6, "blur_probability": 0.1,
        "blank_sides": (10 / 128, 40 / 128), "blank_probability": 0.1,
    }  # fmt: skip


def test_the_thesis_corruption_has_all_four_parts():
    image = torch.full((4000, 1, 32, 32), 0.5)
    image[:, :, ::2, ::2] = 0.8  # blur has something to do
    generator = seeded()
    result = augment.thesis_corruption(image, generator=generator)
    step = augment.drop_pixels(image, generator=(again := seeded()))
    step = augment.add_noise(step, generator=again)
    step = augment.blank_square(step, generator=again)
    assert torch.equal(result, augment.blur(step, generator=again))
    assert torch.equal(generator.get_state(), again.get_state())


def test_it_serves_in_fit_as_corruption_and_transform():
    images = torch.rand(6, 1, 16, 16, generator=seeded())

    def run(batch_size):
        with training.fixed_seed(0):
            model = torch.nn.Conv2d(1, 1, 3, padding=1)
        return training.fit(
            model, images, images, loss=torch.nn.functional.mse_loss, epochs=2, batch_size=batch_size, progress=False,
            learning_rate=1e-9, corrupt=augment.thesis_corruption, transform=partial(augment.deform, rotation=10.0),
            device="cpu",
        )  # fmt: skip

    # an image's corruption does not depend on how it is batched
    assert run(2).train_loss == pytest.approx(run(6).train_loss, rel=1e-4)


# --- geometry


def test_flip_mirrors_left_and_right_half_of_the_time():
    image = torch.arange(12.0).reshape(1, 1, 3, 4).repeat(2000, 1, 1, 1)
    result = augment.flip(image, generator=seeded())
    flipped = (result == image.flip(-1)).flatten(1).all(dim=1)
    assert ((result == image).flatten(1).all(dim=1) ^ flipped).all()
    assert flipped.float().mean() == pytest.approx(0.5, abs=0.04)


def test_with_everything_off_the_image_comes_back():
    image = torch.rand(2, 1, 31, 44, generator=seeded())
    result = augment.deform(image, rotation=0, scale=0, shift=0, bend=0)
    assert torch.equal(result, image) and result.data_ptr() != image.data_ptr()


def parts(image, *, degrees=0.0, scale=1.0, shift=(0.0, 0.0), fields=None):
    batch = image[None]
    fields = torch.zeros(1, 2, *image.shape[-2:]) if fields is None else fields
    matrices = _deform.affine_matrices(torch.tensor([degrees]), torch.tensor([scale]))
    return _deform.sample(batch, matrices, torch.tensor([shift]), fields)[0]


@pytest.mark.parametrize("degrees", [90.0, 180.0, -90.0])
def test_quarter_turns_are_exact(degrees):
    image = torch.rand(1, 24, 24, generator=seeded())
    expected = torch.rot90(image, round(degrees / 90), dims=(-2, -1))  # anticlockwise
    torch.testing.assert_close(parts(image, degrees=degrees), expected, atol=1e-4, rtol=0)


def test_a_whole_shift_moves_pixels_and_fills_with_zero():
    image = torch.rand(1, 9, 12, generator=seeded())
    moved = parts(image, shift=(2.0, -3.0))
    torch.testing.assert_close(moved[:, :-2, 3:], image[:, 2:, :-3], atol=1e-5, rtol=0)
    assert (moved[:, -2:] == 0).all() and (moved[:, :, :3] == 0).all()


@pytest.mark.parametrize(("degrees", "scale"), [(7.0, 1.0), (0.0, 1.1), (-12.0, 0.9)])
def test_affine_maps_agree_with_scipy(degrees, scale):
    image = smooth_image()
    angle = np.deg2rad(degrees)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / scale
    centre = (np.array(image.shape[-2:]) - 1) / 2
    expected = ndimage.affine_transform(image[0].numpy(), matrix, centre - matrix @ centre, order=1)
    inner = (slice(None), slice(12, -12), slice(12, -12))  # borders are filled in another way
    np.testing.assert_allclose(
        parts(image, degrees=degrees, scale=scale)[inner][0], expected[12:-12, 12:-12], atol=1e-4
    )


def test_bent_images_agree_with_scipy():
    image = smooth_image()
    fields = _deform.displacement_fields(image[None], 2.0, 20.0, seeded())
    places = np.stack(np.meshgrid(*map(np.arange, image.shape[-2:]), indexing="ij")) + fields[0].numpy()
    expected = ndimage.map_coordinates(image[0].numpy(), places, order=1)
    result = parts(image, fields=fields)[0]
    np.testing.assert_allclose(result[10:-10, 10:-10], expected[10:-10, 10:-10], atol=1e-4)
    assert (result - image[0])[10:-10, 10:-10].abs().max() > 0.02, "bent enough to be a test"


def test_a_larger_scale_shows_a_larger_picture():
    disc = ((torch.arange(65)[:, None] - 32.0) ** 2 + (torch.arange(65) - 32.0) ** 2 < 15**2).float()[None]
    assert parts(disc, scale=1.2).sum() == pytest.approx(1.44 * float(disc.sum()), rel=0.02)


def test_spline_weights_sum_to_one_and_agree_with_scipy():
    from scipy.interpolate import BSpline

    weights = _deform._weights(50, 7.5, torch.zeros((), dtype=torch.float64))
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(50, dtype=torch.float64))
    knots = np.arange(-3, weights.shape[1] + 1) * 7.5
    expected = BSpline.design_matrix(np.arange(50.0), knots, 3).toarray()
    np.testing.assert_allclose(weights.numpy(), expected, atol=1e-12)


def test_bending_has_the_strength_that_is_asked_for():
    batch = torch.zeros(200, 1, 64, 80)
    field = _deform.displacement_fields(batch, 2.0, 24.0, seeded())
    assert field.shape == (200, 2, 64, 80)
    assert float(field.std()) == pytest.approx(2.0, rel=0.1) and abs(float(field.mean())) < 0.1


@pytest.mark.parametrize("spacing", [8.0, 20.0, 32.5])
def test_the_strongest_bend_does_not_fold(spacing):
    batch = torch.zeros(100, 1, 70, 61, dtype=torch.float64)
    field = _deform.displacement_fields(batch, _deform.LARGEST * spacing, spacing, seeded())
    (dyy, dyx), (dxy, dxx) = (torch.gradient(field[:, axis], dim=(1, 2)) for axis in (0, 1))
    determinant = (1 + dyy) * (1 + dxx) - dyx * dxy
    assert determinant.min() > 0
    assert determinant.min() < 0.7, "strong enough to be a test"


def test_levels_of_a_deformation_stay_in_their_bounds(monkeypatch):
    seen = {}
    monkeypatch.setattr(
        augment, "affine_matrices", lambda degrees, scales: seen.update(degrees=degrees, scales=scales) or torch.eye(2)
    )
    monkeypatch.setattr(augment, "sample", lambda batch, matrices, shifts, fields: seen.update(shifts=shifts) or batch)
    augment.deform(ones(3000, 20, 40), rotation=5, scale=0.05, shift=0.1, bend=0, generator=seeded())
    for values, centre, reach in (
        (seen["degrees"], 0, 5),
        (seen["scales"], 1, 0.05),
        (seen["shifts"][:, 0], 0, 2),
        (seen["shifts"][:, 1], 0, 4),
    ):
        away = (values - centre) / reach
        assert away.abs().max() <= 1 and away.min() < -0.99 and away.max() > 0.99
        assert away.std() == pytest.approx(3**-0.5, rel=0.03)


def test_a_mask_rides_along_as_a_channel():
    image = smooth_image()
    pair = torch.cat([image, (image > 0.5).float()])
    result = augment.deform(pair, generator=seeded())
    alone = augment.deform(image, generator=seeded())
    assert torch.equal(result[:1], alone)
    agree = ((result[1] > 0.5) == (result[0] > 0.5))[10:-10, 10:-10].float().mean()
    assert agree > 0.98
