"""Surface distances against MONAI, medpy, SimpleITK, SciPy's distance maps and all pairs of points; laws; no masks."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.spatial.distance import cdist

from course_lib import metrics

SCORES = [metrics.hausdorff_distance, metrics.average_surface_distance, metrics.average_symmetric_surface_distance]
SPACINGS = {2: (2.0, 0.7), 3: (8.0, 1.25, 1.25)}


def masks(shape, seed=0):
    """Two rough blobs, one of them cut by the image's edge and with a piece far away."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, side) for side in shape], indexing="ij"))
    rough = [ndimage.gaussian_filter(rng.standard_normal(shape), 1) for _ in range(2)]
    target = (grid**2).sum(0) + 0.4 * rough[0] < 0.4
    prediction = ((grid - 0.35) ** 2).sum(0) + 0.4 * rough[1] < 0.6
    prediction[(slice(0, 1),) * len(shape)] = True
    return prediction, target


def border(mask):
    return mask & ~ndimage.binary_erosion(mask, ndimage.generate_binary_structure(mask.ndim, 1), border_value=0)


def of_all_pairs(a, b, spacing):
    pairs = cdist(*(np.argwhere(border(mask)) * spacing for mask in (a, b)))
    return pairs.min(1), pairs.min(0)


@pytest.mark.parametrize("shape", [(1, 5), (23, 31), (4, 17, 15), (7, 12, 13)])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_all_pairs_of_points_and_with_distance_maps(shape, seed):
    prediction, target = masks(shape, seed)
    target[tuple(side // 2 for side in shape)] = True
    spacing = SPACINGS[len(shape)]
    there, back = metrics.surface_distances(prediction, target, spacing=spacing)
    expected = of_all_pairs(prediction, target, spacing)
    assert np.allclose(there, expected[0], atol=1e-12) and np.allclose(back, expected[1], atol=1e-12)
    far = ndimage.distance_transform_edt(~border(target), sampling=spacing)
    assert np.allclose(there, far[border(prediction)], atol=1e-12)
    hausdorff, average, pooled = (score(prediction, target, spacing=spacing) for score in SCORES)
    assert hausdorff == pytest.approx(max(expected[0].max(), expected[1].max()))
    assert average == pytest.approx((expected[0].mean() + expected[1].mean()) / 2)
    assert pooled == pytest.approx(np.concatenate(expected).mean())
    found = metrics.hausdorff_distance(prediction, target, spacing=spacing, percentile=95)
    assert found == pytest.approx(max(np.percentile(one, 95) for one in expected))


@pytest.mark.parametrize("shape", [(23, 31), (7, 12, 13)])
def test_agrees_with_monai(shape):
    peer = pytest.importorskip("monai.metrics")
    spacing = SPACINGS[len(shape)]
    arrays = [np.stack([masks(shape, seed)[i] for seed in range(4)]).reshape(2, 2, *shape) for i in (0, 1)]
    prediction, target = (torch.from_numpy(array) for array in arrays)
    options = {"spacing": spacing, "include_background": True}
    given = prediction.float(), target.float()
    for ours, expected in (
        (metrics.hausdorff_distance, peer.compute_hausdorff_distance(*given, **options)),
        (metrics.average_symmetric_surface_distance,
         peer.compute_average_surface_distance(*given, symmetric=True, **options)),
    ):  # fmt: skip
        assert torch.allclose(ours(prediction, target, spacing=spacing), expected.float(), atol=1e-5)
    ninety = metrics.hausdorff_distance(prediction, target, spacing=spacing, percentile=95)
    assert torch.allclose(ninety, peer.compute_hausdorff_distance(*given, percentile=95, **options).float(), atol=1e-5)
    # its average is directed unless it is told otherwise
    directed = metrics.surface_distances(prediction[0, 0], target[0, 0], spacing=spacing)[0].mean()
    assert directed == pytest.approx(peer.compute_average_surface_distance(*given, **options)[0, 0].item(), abs=1e-5)


@pytest.mark.parametrize("shape", [(23, 31), (7, 12, 13)])
def test_agrees_with_medpy(shape):
    peer = pytest.importorskip("medpy.metric.binary")
    prediction, target = masks(shape)
    spacing = SPACINGS[len(shape)]
    found = [score(prediction, target, spacing=spacing) for score in SCORES]
    expected = [score(prediction, target, voxelspacing=spacing) for score in (peer.hd, peer.assd)]
    assert [found[0], found[2]] == pytest.approx(expected)
    assert found[1] != pytest.approx(expected[1], rel=0.01)  # the lecture's average is another number
    directed = metrics.surface_distances(prediction, target, spacing=spacing)
    assert directed[0].mean() == pytest.approx(peer.asd(prediction, target, voxelspacing=spacing))
    # medpy takes the percentile of all distances together
    together = np.percentile(np.concatenate(directed), 95)
    assert together == pytest.approx(peer.hd95(prediction, target, voxelspacing=spacing))


def test_agrees_with_simpleitk():
    sitk = pytest.importorskip("SimpleITK")
    prediction, target = masks((7, 12, 13))
    images = []
    for mask in (prediction, target):
        image = sitk.GetImageFromArray(border(mask).astype(np.uint8))  # ITK compares filled sets: give it borders
        image.SetSpacing((1.25, 1.25, 8.0))  # from the last axis to the first
        images.append(image)
    measure = sitk.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    found = metrics.hausdorff_distance(prediction, target, spacing=(8.0, 1.25, 1.25))
    assert found == pytest.approx(measure.GetHausdorffDistance(), rel=1e-6)


def test_the_case_of_two_hearts():
    # measured with MONAI, medpy, SimpleITK, DeepMind's surface-distance and SciPy, which agree
    z, y, x = np.mgrid[:14, :40, :36]
    one = ((z - 6) * 8 / 40) ** 2 + ((y - 18) * 1.25 / 18) ** 2 + ((x - 17) * 1.25 / 15) ** 2 < 1
    other = ((z - 7) * 8 / 40) ** 2 + ((y - 20) * 1.25 / 17) ** 2 + ((x - 17) * 1.25 / 16) ** 2 < 1
    other[7, 30:33, 30:33] = True
    spacing = (8.0, 1.25, 1.25)
    found = [score(one, other, spacing=spacing) for score in SCORES]
    assert found == pytest.approx([9.7628, 3.26576, 3.26549], abs=1e-4)
    assert metrics.hausdorff_distance(one, other, spacing=spacing, percentile=95) == pytest.approx(8.0)
    assert metrics.hausdorff_distance(one, other, spacing=1) == pytest.approx(7.810, abs=1e-3)
    assert metrics.dice(one, other) == pytest.approx(0.809148, abs=1e-6)
    assert metrics.volumetric_similarity(one, other) == pytest.approx(0.992100, abs=1e-6)


def test_laws():
    prediction, target = masks((7, 12, 13))
    for score in SCORES:
        assert score(target, target, spacing=1.5) == 0
        there = score(prediction, target, spacing=(8, 1.25, 1.25))
        assert there == pytest.approx(score(target, prediction, spacing=(8, 1.25, 1.25)))
        assert score(prediction, target, spacing=(24, 3.75, 3.75)) == pytest.approx(3 * there)
        swapped = score(prediction.transpose(2, 0, 1), target.transpose(2, 0, 1), spacing=(1.25, 8, 1.25))
        assert there == pytest.approx(swapped)
        assert score(prediction, target, spacing=(1.25, 1.25, 8)) != pytest.approx(there)
    shifted = np.roll(target, 1, 0)
    assert not target[-1].any() and metrics.hausdorff_distance(shifted, target, spacing=(8, 1.25, 1.25)) <= 8
    percentiles = [metrics.hausdorff_distance(prediction, target, spacing=1, percentile=q) for q in (50, 95, 100)]
    assert percentiles == sorted(percentiles) and percentiles[1] < percentiles[2]


def test_spacing_counts_the_thick_axis():
    one, other = np.zeros((5, 6, 7), bool), np.zeros((5, 6, 7), bool)
    one[1, 2, 3], other[3, 2, 3] = True, True
    assert metrics.hausdorff_distance(one, other, spacing=(8, 1, 1)) == 16
    assert metrics.hausdorff_distance(one, other, spacing=1) == 2


def test_beyond_the_image_is_outside():
    full = np.ones((5, 5, 5), bool)
    there, back = metrics.surface_distances(full, full, spacing=1)
    assert len(there) == len(back) == 98


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_empty_masks(kind):
    some, nothing = kind(masks((6, 9))[1]), kind(np.zeros((6, 9), bool))
    for score in SCORES:
        assert float(score(nothing, nothing, spacing=1)) == 0
        assert float(score(nothing, some, spacing=1)) == float(score(some, nothing, spacing=1)) == np.inf
    assert float(metrics.hausdorff_distance(some, nothing, spacing=1, percentile=95)) == np.inf
    there, back = metrics.surface_distances(some, nothing, spacing=1)
    assert len(there) and np.isinf(there).all() and len(back) == 0


@pytest.mark.parametrize("score", SCORES)
def test_a_batch_gives_one_value_for_each_structure(score):
    prediction, target = (
        np.stack([masks((5, 8, 9), seed)[i] for seed in range(6)]).reshape(2, 3, 5, 8, 9) for i in (0, 1)
    )
    prediction[1, 2] = False
    values = score(prediction, target, spacing=(8, 1, 1))
    assert values.shape == (2, 3) and values[1, 2] == np.inf
    for n, c in np.ndindex(2, 3):
        assert values[n, c] == score(prediction[n, c], target[n, c], spacing=(8, 1, 1))
    tensors = score(torch.from_numpy(prediction), torch.from_numpy(target), spacing=(8, 1, 1))
    assert tensors.dtype == torch.float32 and np.allclose(tensors.numpy(), values, rtol=1e-6)


def test_large_surfaces_go_through_several_threads_to_the_same_result(monkeypatch):
    grid = np.linspace(-1, 1, 81)
    radius = np.sqrt((np.stack(np.meshgrid(grid, grid, grid)) ** 2).sum(0))
    one, other = radius < 0.95, radius < 0.8
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    two_threads = metrics.surface_distances(one, other, spacing=1)
    assert len(two_threads[0]) > 10_000
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    for found, expected in zip(two_threads, metrics.surface_distances(one, other, spacing=1), strict=True):
        assert np.array_equal(found, expected)


def test_refusals():
    prediction, target = masks((6, 9))
    with pytest.raises(ValueError, match="one number for each of 2 axes"):
        metrics.hausdorff_distance(prediction, target, spacing=(8, 1, 1))
    with pytest.raises(ValueError, match="spacing: expected a finite number above 0"):
        metrics.average_surface_distance(prediction, target, spacing=0)
    with pytest.raises(ValueError, match="percentile"):
        metrics.hausdorff_distance(prediction, target, spacing=1, percentile=101)
    with pytest.raises(ValueError, match="expected one structure, got a batch"):
        metrics.surface_distances(prediction[None, None], target[None, None], spacing=1)
    with pytest.raises(TypeError, match="booleans"):
        metrics.hausdorff_distance(prediction.astype(float), target, spacing=1)
