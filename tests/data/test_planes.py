"""Intensity and geometry: known percentiles, blobs measured in mm, pictures that stand upright."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage

from course_lib.data import planes
from course_lib.data.intensity import standardise, unit_range
from course_lib.data.volumes import Scan

KINDS = [np.asarray, torch.as_tensor]


def rng():
    return np.random.default_rng(0)


# --- intensity ---


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unit_range_is_that_of_the_percentiles(kind, dtype):
    values = rng().gamma(2, 40, (31, 17, 23)).astype(dtype)
    before = values.copy()
    scaled = unit_range(kind(values), low=1, high=98)
    assert type(scaled) is type(kind(values)) and str(scaled.dtype).endswith(dtype)
    bottom, top = np.percentile(values, [1, 98])
    np.testing.assert_allclose(np.asarray(scaled), np.clip((values - bottom) / (top - bottom), 0, 1), atol=1e-5)
    np.testing.assert_array_equal(values, before)


def test_unit_range_ignores_scale_and_shining_voxels():
    values = rng().gamma(2, 40, (64, 64, 64)).astype(np.float32)
    scaled = unit_range(values)
    np.testing.assert_allclose(unit_range(0.01 * values + 7), scaled, atol=1e-4)
    spiky = values.copy()
    spiky[5, 5, 5] = 1e6
    assert np.abs(unit_range(spiky) - scaled)[spiky < 200].max() < 0.01
    assert scaled.min() == 0 and scaled.max() == 1


def test_unit_range_of_a_large_volume_takes_a_sample():
    values = rng().random((160, 160, 160), dtype=np.float32)
    scaled = unit_range(values, low=10, high=90)
    np.testing.assert_allclose(scaled, np.clip((values - 0.1) / 0.8, 0, 1), atol=3e-3)


def test_unit_range_of_a_nearly_empty_image_and_of_what_is_none():
    image = np.zeros((100, 100), np.float32)
    image[3, 4], image[5, 6] = 2, 4
    scaled = unit_range(image, high=90)
    assert scaled[3, 4] == 0.5 and scaled[5, 6] == 1 and scaled.sum() == 1.5
    with pytest.raises(ValueError, match="got 3 everywhere"):
        unit_range(np.full((4, 4), 3.0))
    with pytest.raises(TypeError, match="floating-point"):
        unit_range(np.arange(4))
    with pytest.raises(ValueError, match="NaN"):
        unit_range(np.array([np.nan, 1]))
    with pytest.raises(ValueError, match="high: expected"):
        unit_range(np.arange(4.0), low=50, high=50)


@pytest.mark.parametrize("kind", KINDS)
def test_standardise(kind):
    values = rng().gamma(2, 40, (2, 1, 30, 20)).astype(np.float32)
    found = np.asarray(standardise(kind(values)))
    assert found.dtype == np.float32 and abs(found.mean()) < 1e-5 and abs(found.std() - 1) < 1e-5
    mask = values > 60
    inside = np.asarray(standardise(kind(values), kind(mask)))
    assert abs(inside[mask].mean()) < 1e-5 and abs(inside[mask].std() - 1) < 1e-5
    np.testing.assert_allclose(inside, (values - values[mask].mean()) / values[mask].std(), atol=1e-5)
    with pytest.raises(ValueError, match="everywhere"):
        standardise(kind(np.ones((3, 3))))
    with pytest.raises(ValueError, match="mask: expected booleans"):
        standardise(kind(values), kind(mask[0]))
    with pytest.raises(ValueError, match="at least one voxel"):
        standardise(kind(values), kind(np.zeros(values.shape, bool)))


# --- profiles ---


@pytest.mark.parametrize(
    ("voxel", "best"),
    [
        ((1.2, 0.9375, 0.9375), "sagittal"),  # IXI
        ((1, 1, 1), "axial"),
        ((0.5, 0.5, 5), "axial"),
        ((0.9, 3, 0.9), "coronal"),
        ((1, 1.005, 4), "axial"),  # square for all purposes
        ((1, 1.2, 1.5), "axial"),  # none is square: the squarest of the finest
    ],
)
def test_best_profile_has_square_fine_pixels(voxel, best):
    found = planes.slice_profiles(voxel)
    assert found[0].name == best and {p.name for p in found} == set(planes.PROFILES)
    axis = planes.PROFILES.index(best)
    rest = [side for k, side in enumerate(voxel) if k != axis]
    assert found[0].thickness == voxel[axis] and found[0].pixel == (rest[1], rest[0])
    assert found[0].anisotropy == max(rest) / min(rest)


def test_square_comes_before_fine():
    # axial pixels have the smaller area, sagittal ones are square
    found = planes.slice_profiles((0.2, 1.0, 1.0))
    assert found[0].name == "sagittal" and found[0].pixel == (1.0, 1.0)
    assert planes.anisotropy((0.2, 1.0, 1.0)) == 5
    for bad in [(1, 1), (1, 0, 1), (1, -1, 1), (1, np.nan, 1)]:
        with pytest.raises(ValueError, match="voxel_size: expected"):
            planes.slice_profiles(bad)


# --- cutting ---


def test_pictures_stand_upright():
    volume = np.zeros((3, 5, 7), np.float32)
    volume[0, 4, 5] = 1  # left, front, nearly at the top
    for profile, shape, plane, place in [
        ("axial", (7, 5, 3), 5, (0, 0)),
        ("coronal", (5, 7, 3), 4, (1, 0)),
        ("sagittal", (3, 7, 5), 0, (1, 4)),
    ]:
        pictures = planes.cut(volume, profile=profile)
        assert pictures.shape == shape and pictures.flags.c_contiguous
        assert pictures[plane][place] == 1 and pictures.sum() == 1
        np.testing.assert_array_equal(planes.cut(volume, [plane, 1], profile), pictures[[plane, 1]])
    with pytest.raises(ValueError, match="sagittal, coronal, axial"):
        planes.cut(volume, profile="oblique")
    with pytest.raises(ValueError, match="X, Y, Z"):
        planes.cut(volume[0])


def test_axial_cut_is_that_of_the_embedded_head():
    from course_lib.data import anatomy

    head = anatomy.colin27()
    np.testing.assert_array_equal(planes.cut(head.data, [60, 90]), anatomy.upright(head.data[..., [60, 90]]))


# --- resampling ---


def disc(height, width, pixel, radius=30.0):
    """A soft disc in the middle of (height, width) pixels of `pixel` mm."""
    y = (np.arange(height) + 0.5) * pixel[0] - height * pixel[0] / 2
    x = (np.arange(width) + 0.5) * pixel[1] - width * pixel[1] / 2
    return (1 / (1 + np.exp((np.hypot(y[:, None], x) - radius) / 3))).astype(np.float32)


@pytest.mark.parametrize("pixel", [(0.9375, 1.2), (2.0, 0.5), (1.0, 1.0), (0.7, 3.0)])
def test_discs_become_round(pixel):
    height, width = round(100 / pixel[0]), round(100 / pixel[1])
    found = planes.resample(disc(height, width, pixel)[None], pixel, 1.0)
    assert found.dtype == np.float32
    assert abs(found.shape[1] - height * pixel[0]) <= 1 and abs(found.shape[2] - width * pixel[1]) <= 1
    place = np.array(ndimage.center_of_mass(found[0])) + 0.5
    np.testing.assert_allclose(place, (height * pixel[0] / 2, width * pixel[1] / 2), atol=0.1)
    tall, wide = (found[0].max(axis=1) > 0.5).sum(), (found[0].max(axis=0) > 0.5).sum()
    assert abs(tall - 60) <= 2 and abs(wide - 60) <= 2
    # the integral of such a soft disc (Sommerfeld): the sum stays what it is in mm²
    assert found.sum() == pytest.approx(np.pi * (30**2 + np.pi**2 / 3 * 3**2), rel=0.005)
    # not so without resampling, where pixels are not square
    flat = disc(height, width, pixel)
    assert (pixel[0] == pixel[1]) == (abs((flat.max(1) > 0.5).sum() - (flat.max(0) > 0.5).sum()) <= 2)


def test_resampling_keeps_means_and_does_not_alias():
    stripes = np.tile(np.array([0, 1], np.float32), 60)[None, None].repeat(40, 1)
    found = planes.resample(stripes, (1.0, 1.0), (1.0, 4.0))
    assert found.shape == (1, 40, 30) and np.abs(found[..., 1:-1] - 0.5).max() < 0.02
    assert np.ptp(planes.resample(np.full((3, 9, 11), 0.3, np.float32), (1, 1, 1), 0.7)) < 1e-6
    image = rng().random((2, 5, 7), dtype=np.float32)
    np.testing.assert_array_equal(planes.resample(image, (1.5, 2), (1.5, 2)), image)
    for spacing, wanted, message in [
        ((1, 0), 1, "spacing"), ((1, 1), (1, -1), "wanted"), ((1, 1), (1, 1, 1), "wanted"),
        ((1, 1, 1, 1), 1, "wanted"), ((1, 1), 50, "extent"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=message):
            planes.resample(image, spacing, wanted)


def test_isotropic_volume_and_its_affine():
    size = np.array([1.2, 0.9375, 2.0])
    shape = (50, 64, 30)
    axes = [(np.arange(n) + 0.5) * side - 30 for n, side in zip(shape, size, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    ball = np.exp(-((x - 3) ** 2 + (y + 4) ** 2 + z**2) / 200).astype(np.float32)
    affine = np.diag([*size, 1.0])
    affine[:3, 3] = size / 2 - 30
    scan = planes.isotropic(Scan(ball, tuple(size), affine, Path("ball.nii")), 1.5)
    assert scan.voxel_size == (1.5,) * 3 and scan.data.shape == (40, 40, 40)
    assert np.diag(scan.affine)[:3] == pytest.approx([1.5] * 3)
    # the ball has not moved: its top is where it was, in mm
    centre = scan.affine @ [*ndimage.center_of_mass(scan.data**4), 1]
    np.testing.assert_allclose(centre[:3], (3, -4, 0), atol=0.1)
    # and it is round
    spread = [
        np.average((np.arange(40) - 20) ** 2, weights=(scan.data**4).sum(axis=tuple({0, 1, 2} - {k})))
        - np.average(np.arange(40) - 20, weights=(scan.data**4).sum(axis=tuple({0, 1, 2} - {k}))) ** 2
        for k in range(3)
    ]
    assert max(spread) / min(spread) < 1.08
