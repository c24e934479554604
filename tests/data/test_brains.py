"""Brains: the test head and the synthetic cohort. Few subjects and slices: making heads takes time."""

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import interpolate, ndimage

from course_lib._checks import check_count
from course_lib.data import anatomy, brains, cohort, heads, warp

SEEDS = [(0, 0), (0, 7), (1, 3), (12345, 2)]
EXTENT = tuple(count - 1.0 for count in heads.SHAPE)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def subjects():
    return cohort.brain_cohort(4, 0, slices=6, cache=False, progress=False)


def make(n=1, seed=0, **options):
    return cohort.brain_cohort(n, seed, **{"slices": 2, "progress": False} | options)


def assert_same(first, second):
    for name in ("images", "brain_masks", "tissues", "planes"):
        a, b = getattr(first, name), getattr(second, name)
        assert a.dtype == b.dtype and a.tobytes() == b.tobytes() and a.shape == b.shape, name
    assert (first.seed, first.number) == (second.seed, second.number)


# --- splines and deformations ---


@pytest.mark.parametrize("derivative", [False, True])
def test_basis_agrees_with_scipy(derivative):
    positions, spacing = np.linspace(0, 47.3, 23), 7.0
    coefficients = np.random.default_rng(0).standard_normal(warp.coefficient_count(47.3, spacing))
    knots = spacing * (np.arange(len(coefficients) + 4) - 3)
    oracle = interpolate.BSpline(knots, coefficients, 3)
    expected = oracle.derivative()(positions) if derivative else oracle(positions)
    matrix = warp.basis(positions, spacing, derivative=derivative)
    np.testing.assert_allclose(matrix @ coefficients[: matrix.shape[1]], expected, atol=1e-12)


def test_fields_have_unit_variance_and_the_same_values_on_any_lattice():
    field = warp.random_field(np.random.default_rng(3), (200.0, 150.0, 170.0), 5.0)
    x, y, z = np.arange(0, 200, 3), np.arange(0, 150, 4), np.arange(0, 170, 5)
    values = field.on(x, y, z)
    assert abs(values.mean()) < 0.05 and abs(values.std() - 1) < 0.05
    np.testing.assert_allclose(field.on(x[5:8], y[:4], z[11:12]), values[5:8, :4, 11:12], atol=1e-12)


@pytest.mark.parametrize(("seed", "subject"), SEEDS)
def test_deformation_has_a_positive_jacobian_everywhere(seed, subject):
    deformation = heads.synthetic_head(seed, subject).deformation
    axes = [np.arange(0, count, 3.0) for count in heads.SHAPE]
    points = deformation(*axes)
    # the independent way: finite differences of the mapped points themselves
    slopes = np.stack(np.gradient(points, 3.0, axis=(1, 2, 3)), axis=1)  # (3, 3, X, Y, Z)
    numerical = np.linalg.det(np.moveaxis(slopes, (0, 1), (-2, -1)))
    analytic = deformation.jacobian_determinant(*axes)
    assert numerical.min() > 0.2 and analytic.min() > 0.2
    inside = (slice(1, -1),) * 3
    np.testing.assert_allclose(numerical[inside], analytic[inside], rtol=0.05, atol=0.02)


def test_deformation_is_inverted_by_iteration():
    deformation = heads.synthetic_head(0, 1).deformation
    start = np.array([60.0, 100.0, 90.0])
    target = deformation(*start[:, None])[:, 0, 0, 0]
    guess = np.array([90.0, 110.0, 80.0])
    for _ in range(80):
        guess = guess - 0.5 * (deformation(*guess[:, None])[:, 0, 0, 0] - target)
    np.testing.assert_allclose(guess, start, atol=1e-4)


def test_wild_displacements_shrink_until_nothing_folds(monkeypatch):
    rng = np.random.default_rng(0)
    axes = [np.arange(0, count, 4.0) for count in heads.SHAPE]
    wild = warp.SplineField(15 * warp.random_field(rng, EXTENT, 20.0, (3,)).coefficients, 20.0)
    folded = warp.Deformation(np.eye(3), np.zeros(3), np.zeros(3), (wild,))
    assert folded.jacobian_determinant(*axes).min() < 0  # the determinant does see folds
    monkeypatch.setattr(warp, "DISPLACEMENT", ((70.0, 30.0), (20.0, 15.0)))
    tamed = warp.random_deformation(rng, EXTENT)
    assert tamed.jacobian_determinant(*axes).min() > 0.2
    assert np.abs(tamed.displacement(*axes)).max() > 1


def test_rotation_is_a_rotation():
    matrix = warp.rotation(np.array([0.1, -0.3, 0.7]))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
    quarter = warp.rotation(np.array([0, 0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)


# --- the same heads every time ---


def test_same_seed_same_bytes_whatever_n_and_slices(subjects):
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    few = make(2, slices=6, cache=False)
    assert np.array_equal(before[0], np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before[1], torch.get_rng_state())
    for one, other in zip(few, subjects, strict=False):
        assert_same(one, other)
    # first and last plane of 2 and of 6 slices are the same plane
    two = make(1, slices=2, cache=False)[0]
    assert np.array_equal(two.planes, subjects[0].planes[[0, -1]])
    assert two.images.tobytes() == subjects[0].images[[0, -1]].tobytes()


def test_another_seed_is_another_head(subjects):
    assert not np.array_equal(make(1, seed=1, cache=False)[0].images, subjects[0].images[[0, -1]])


def test_cached_head_is_the_fresh_one(own_cache, monkeypatch):
    fresh = make(1, cache=False)[0]
    assert not own_cache.exists()
    assert_same(make(1)[0], fresh)
    assert [path.suffix for path in cohort.cache_folder().iterdir()] == [".npz"]
    assert cohort.cache_folder().parent == own_cache
    monkeypatch.setattr(cohort, "_make", lambda *_: pytest.fail("made again although it was cached"))
    assert_same(make(1)[0], fresh)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "not a zip", "empty", "other shape"])
def test_damaged_cache_is_made_again_with_a_message(damage):
    fresh = make(1)[0]
    (path,) = cohort.cache_folder().iterdir()
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 3] ^= 0xFF
        path.write_bytes(content)
    elif damage == "other shape":
        shapes = {name: getattr(fresh, name)[:1] for name in ("images", "brain_masks", "tissues", "planes")}
        np.savez_compressed(path, **shapes)
    else:
        path.write_bytes(b"" if damage == "empty" else b"hello")
    with pytest.warns(UserWarning, match="made again"):
        assert_same(make(1)[0], fresh)
    assert_same(make(1)[0], fresh)  # without a warning: the file was replaced


def test_cache_file_without_an_array_is_made_again():
    fresh = make(1)[0]
    (path,) = cohort.cache_folder().iterdir()
    np.savez_compressed(path, images=np.zeros((2, 3, 3), np.uint16), planes=np.arange(2))
    with pytest.warns(UserWarning, match="made again"):
        assert_same(make(1)[0], fresh)


def test_no_room_for_the_cache_is_a_warning(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="going on without"):
        assert make(1)[0].images.shape == (2, 217, 181)


def test_full_disk_leaves_no_half_file(own_cache, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.warns(UserWarning, match="No space left"):
        make(1)
    assert list(cohort.cache_folder().iterdir()) == []


def test_cache_folder_without_the_variable(monkeypatch):
    monkeypatch.delenv("COURSE_DATA")
    assert cohort.cache_folder().parent.name == "course_lib"


# --- the heads look like heads ---


def test_types_ranges_and_shapes(subjects):
    for number, subject in enumerate(subjects):
        assert subject.images.shape == subject.brain_masks.shape == subject.tissues.shape == (6, 217, 181)
        assert subject.images.dtype == np.float32 and np.isfinite(subject.images).all()
        assert subject.images.min() == 0 and 0.5 < subject.images.max() <= 1
        assert subject.brain_masks.dtype == bool and subject.tissues.dtype == np.uint8
        assert set(np.unique(subject.tissues)) == set(range(len(heads.TISSUES)))
        assert subject.planes.dtype == np.int64 and (np.diff(subject.planes) > 0).all()
        assert subject.number == number and subject.seed == 0


def test_tissues_are_in_proportion(subjects):
    for subject in subjects:
        share = np.bincount(subject.tissues.ravel(), minlength=6) / subject.tissues.size
        assert share[heads.GRAY] > share[heads.WHITE] > 0.05
        assert 0.02 < share[heads.CSF] < 0.15
        assert 0.03 < share[heads.SKULL] < 0.2 and 0.03 < share[heads.SCALP] < 0.35
        assert 0.2 < share[heads.BACKGROUND] < 0.65
        brain = subject.brain_masks.mean(axis=(1, 2))
        assert brain.min() > 0.03 and 0.3 < brain.max() < 0.6
        inside = subject.tissues[subject.brain_masks]
        assert np.isin(inside, (heads.CSF, heads.GRAY, heads.WHITE)).mean() > 0.99


def test_contrast_is_that_of_t1(subjects):
    for subject in subjects:
        typical = [np.median(subject.images[subject.tissues == tissue]) for tissue in range(6)]
        assert typical[heads.WHITE] > typical[heads.GRAY] > typical[heads.CSF] > 0
        assert typical[heads.BACKGROUND] == 0
        assert typical[heads.SCALP] > typical[heads.SKULL]
        outside = ndimage.distance_transform_edt(subject.tissues[3] == heads.BACKGROUND)
        assert subject.images[3][outside > 6].max() < 0.005


def test_bone_is_dark_between_brain_and_scalp(subjects):
    for subject in subjects:
        image, mask, tissue = subject.images[3], subject.brain_masks[3], subject.tissues[3]
        cavity = ndimage.binary_closing(np.pad(mask, 12), iterations=8)[12:-12, 12:-12]
        distance = ndimage.distance_transform_edt(~cavity)
        head = tissue != heads.BACKGROUND
        profile = [np.median(image[(distance > d) & (distance <= d + 1) & head]) for d in range(14)]
        brain = np.median(image[mask])
        darkest = int(np.argmin(profile))
        assert 1 <= darkest <= 10, f"the darkest shell should be bone, 1 to 10 mm out: {np.round(profile, 2)}"
        assert profile[darkest] < 0.5 * brain
        assert max(profile[darkest:]) > 1.5 * profile[darkest]
        # and the rings are closed: from the brain nobody leaves without crossing bone
        walkable, _ = ndimage.label(tissue != heads.SKULL)
        reached = np.unique(walkable[mask & (tissue != heads.SKULL)])
        assert walkable[0, 0] not in reached


def test_subjects_differ_and_none_is_colin(subjects):
    middle = [subject.images[3].ravel() for subject in subjects]
    between = np.corrcoef(middle)[np.triu_indices(len(middle), 1)]
    assert between.max() < 0.99
    colin = anatomy.upright(anatomy.colin27().data[..., 40:140:2]).reshape(50, -1)
    assert np.corrcoef(np.vstack([middle, colin]))[: len(middle), len(middle) :].max() < 0.97


def test_pictures_are_upright(subjects):
    # the front of a head is narrower in white matter, the cerebellum is low and at the back
    low = subjects[0].brain_masks[0]
    rows = np.flatnonzero(low.any(axis=1))
    assert rows.mean() > low.shape[0] / 2
    volume = np.zeros((3, 5, 2))
    volume[0, 4, 1] = 1  # left, front, top
    pictures = anatomy.upright(volume)
    assert pictures.shape == (2, 5, 3) and pictures[1, 0, 0] == 1


# --- real anatomy ---


def test_colin27():
    head = brains.colin27()
    assert head.name == "colin27" and head.voxel_size == (1.0, 1.0, 1.0)
    assert head.data.shape == head.brain_mask.shape == (181, 217, 181)
    assert head.data.dtype == np.float32 and head.brain_mask.dtype == bool
    assert head.data.min() == 0 and head.data.max() == 1
    assert 1.4e6 < head.brain_mask.sum() < 2.0e6  # 1.4 to 2 litres
    # the brain is brighter than the bone around it, and the mask lies in the middle of the head
    ring = ndimage.binary_dilation(head.brain_mask, iterations=6) & ~ndimage.binary_dilation(
        head.brain_mask, iterations=4
    )
    assert np.median(head.data[head.brain_mask]) > 2 * np.median(head.data[ring])
    with pytest.raises(ValueError, match="read-only"):
        head.data[0, 0, 0] = 1


def test_icbm152_without_importing_nilearn():
    template = brains.icbm152()
    assert template.t1.shape == template.gray_matter.shape == template.white_matter.shape == (197, 233, 189)
    assert template.gray_matter.max() <= 1 and template.brain_mask.any()
    assert template.t1[template.white_matter > 0.9].mean() > template.t1[template.gray_matter > 0.9].mean()
    code = (
        "import sys; from course_lib.data import brains;"
        "assert not {'nibabel', 'nilearn', 'matplotlib', 'accelerate', 'skimage'} & set(sys.modules);"
        "brains.icbm152(); assert 'nilearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


def test_missing_nilearn_is_explained(monkeypatch, tmp_path):
    anatomy.icbm152.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ModuleNotFoundError, match="pip install nilearn"):
            brains.icbm152()
    origin = tmp_path / "__init__.py"
    specification = importlib.util.spec_from_file_location("nilearn", origin)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: specification)
        with pytest.raises(FileNotFoundError, match="pip install --upgrade nilearn"):
            brains.icbm152()


@pytest.mark.parametrize("slices", [1, 2, 7])
def test_planes_are_evenly_spaced_over_the_brain(slices):
    area = np.concatenate([np.zeros(5), np.full(40, 10), np.zeros(3)])
    planes = anatomy.plane_numbers(area, 100, slices)
    assert len(planes) == slices
    if slices == 1:
        assert planes[0] == 24
    else:
        assert planes[0] == 5 and planes[-1] == 44 and np.ptp(np.diff(planes)) <= 1


def test_planes_with_little_brain_are_left_out():
    assert list(anatomy.plane_numbers(np.array([4.4, 4.5, 90, 4.5, 4.4]), 100, 3)) == [1, 2, 3]


# --- brain_slices ---


def test_brain_slices_of_both_sources_have_one_form(subjects):
    made = brains.brain_slices("cohort", subjects=2, slices=3, progress=False)
    colin = brains.brain_slices("colin27", slices=5)
    for result, count in ((made, 6), (colin, 5)):
        assert len(result) == count
        assert result.images.shape == result.brain_masks.shape == (count, 1, 217, 181)
        assert result.images.dtype == torch.float32 and result.brain_masks.dtype == torch.bool
        assert result.images.min() >= 0 and result.images.max() <= 1
        assert result.subjects.dtype == torch.int64
    assert made.subjects.tolist() == [0, 0, 0, 1, 1, 1] and colin.subjects.tolist() == [0] * 5
    assert np.array_equal(made.images[0, 0].numpy(), subjects[0].images[0])
    # every slice of Colin holds enough brain, and the slice is the one of the volume
    assert colin.brain_masks.float().mean(dim=(1, 2, 3)).min() >= 0.045
    head = brains.colin27().data
    assert any(np.array_equal(colin.images[2, 0].numpy(), np.rot90(head[:, :, z])) for z in range(60, 100))


@pytest.mark.parametrize("size", [160, 201, (192, 192), (217, 181), (301, 97), (3, 400)])
def test_size_crops_or_pads_about_the_centre(size):
    whole = brains.brain_slices("colin27", slices=2)
    fitted = brains.brain_slices("colin27", slices=2, size=size)
    height, width = (size, size) if isinstance(size, int) else size
    assert fitted.images.shape == fitted.brain_masks.shape == (2, 1, height, width)
    # undone: the part that both hold is the same, and everything else is zero
    back = torch.from_numpy(brains.crop_or_pad(fitted.images.numpy(), (217, 181)))
    kept = torch.from_numpy(brains.crop_or_pad(np.ones((1, 1, height, width)), (217, 181))) > 0
    rows, columns = kept[0, 0].any(1).sum(), kept[0, 0].any(0).sum()
    assert (rows, columns) == (min(height, 217), min(width, 181))
    assert back[~kept.expand_as(back)].sum() == 0
    same = torch.stack([(back[:, :, kept[0, 0]] - whole.images[:, :, kept[0, 0]]).abs().max()])
    assert same.item() == 0


def test_crop_or_pad_small():
    assert brains.crop_or_pad(np.array([[1, 2, 3]]), (2, 2)).tolist() == [[1, 2], [0, 0]]
    assert brains.crop_or_pad(np.array([[1, 2]]), (1, 5)).tolist() == [[0, 1, 2, 0, 0]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make(0), ValueError, "n: expected at least 1, got 0"),
        (lambda: make(1.5), TypeError, "n: expected a whole number"),
        (lambda: make(True), TypeError, "n: expected a whole number"),
        (lambda: make(1, seed=-1), ValueError, "seed: expected"),
        (lambda: make(1, slices=0), ValueError, "slices: expected"),
        (lambda: make(1, slices=500), ValueError, "slices: at most"),
        (lambda: brains.brain_slices("mri"), ValueError, "cohort"),
        (lambda: brains.brain_slices(subjects=0), ValueError, "subjects: expected"),
        (lambda: brains.brain_slices("colin27", slices=0), ValueError, "slices: expected"),
        (lambda: brains.brain_slices("colin27", slices=170), ValueError, "slices: at most"),
        (lambda: brains.brain_slices("colin27", slices=1, size=0), ValueError, "size: expected"),
        (lambda: brains.brain_slices("colin27", slices=1, size=(1, 2, 3)), ValueError, "size: expected"),
        (lambda: brains.brain_slices("colin27", slices=1, size=64.0), TypeError, "size: expected"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_numpy_integers_are_counts():
    assert check_count(np.int32(3), "n") == 3
