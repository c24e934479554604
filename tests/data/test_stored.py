"""Scans from files to slices: prepared once, kept on the disk, read when asked, and never all in memory."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch

from course_lib import files, noise, training
from course_lib.data import brains, stored
from course_lib.data.extraction import dice
from course_lib.data.fetch import DataUnavailable

COARSE = 3  # mm: a whole head in little time
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Three NIfTI files of Colin27 at 3 mm, the second brighter, noisy and in other axes, the third upside down."""
    folder = tmp_path_factory.mktemp("scans")
    head = brains.colin27().data[::COARSE, ::COARSE, ::COARSE]
    orientation = nibabel.orientations
    for number, axes in enumerate(["RAS", "PSR", "LAI"]):
        data = (1000 + 500 * number) * head
        if number == 1:
            data = noise.rician(data, 20.0, generator=np.random.default_rng(0))
        turn = orientation.ornt_transform(orientation.axcodes2ornt("RAS"), orientation.axcodes2ornt(axes))
        scan = nibabel.Nifti1Image(np.round(data).astype(np.int16), np.diag([COARSE] * 3 + [1]))
        nibabel.save(scan.as_reoriented(turn), folder / f"head{number}-T1.nii.gz")
    return folder


@pytest.fixture(scope="module")
def data(scans, tmp_path_factory):
    """Their slices, for the tests that only read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA", str(tmp_path_factory.mktemp("data")))
        return get(scans)


def get(source, **options):
    return brains.brain_slices(source, **{"slices": 4, "progress": False, "pixel_size": 3.0, "size": 80} | options)


def test_a_folder_has_the_form_of_the_other_sources(data):
    assert len(data) == len(data.images) == len(data.brain_masks) == 12
    assert data.images.shape == data.brain_masks.shape == (12, 1, 80, 80)
    images, masks = data.images[:], data.brain_masks[:]
    assert images.shape == data.images.shape and images.dtype == data.images.dtype == torch.float32
    assert masks.shape == data.images.shape and masks.dtype == data.brain_masks.dtype == torch.bool
    assert images.min() >= 0 and images.max() <= 1 and images.amax(dim=(1, 2, 3)).min() > 0.5
    assert data.subjects.tolist() == [0] * 4 + [1] * 4 + [2] * 4 and data.subjects.dtype == torch.int64
    assert data.names == ("head0-T1", "head1-T1", "head2-T1")
    assert [path.name for path in data.report.read] == [f"{name}.nii.gz" for name in data.names]
    # brighter, noisier or in other axes: the same pictures
    assert (images[0:4] - images[8:12]).abs().max() < 0.01
    assert (images[0:4] - images[4:8]).abs().mean() < 0.02


def test_slices_are_those_of_the_volume(scans):
    data = get(scans / "head0-T1.nii.gz", slices=None)
    head = brains.colin27()
    volume, truth = head.data[::COARSE, ::COARSE, ::COARSE], head.brain_mask[::COARSE, ::COARSE, ::COARSE]
    (kept,) = data.images.files
    planes = np.fromfile(kept, data.images.record)["plane"]
    assert (np.diff(planes) == 1).all() and len(planes) == len(data) > 30
    pictures = brains.crop_or_pad(np.rot90(volume[:, :, planes]).transpose(2, 0, 1), 80)
    found = data.images[:][:, 0].numpy()
    # scaled by a percentile, not by the maximum: a straight line between the two up to the clipping
    inside = (pictures > 0.02) & (found < 1)
    assert np.ptp(found[inside] / pictures[inside]) < 0.1
    masks = brains.crop_or_pad(np.rot90(truth[:, :, planes]).transpose(2, 0, 1), 80)
    assert dice(data.brain_masks[:][:, 0].numpy(), masks) > 0.93


def test_pixels_are_square_in_every_profile(tmp_path):
    """Thick slices, cut across: the head is as long and as high as before."""
    head = brains.colin27().data[::2, ::2, ::4]
    scan = nibabel.Nifti1Image((1000 * head).astype(np.int16), np.diag([2, 2, 4, 1]))
    nibabel.save(scan, tmp_path / "thick.nii")
    for profile, axis in (("sagittal", 0), ("coronal", 1), ("axial", 2)):
        data = get(tmp_path / "thick.nii", profile=profile, slices=1, pixel_size=2.0, size=120)
        (plane,) = np.fromfile(data.images.files[0], data.images.record)["plane"]
        whole = np.take(brains.colin27().data, plane * (4 if axis == 2 else 2), axis) > 0.1
        picture = data.images[0][0].numpy() > 0.2
        for k, rows in ((0, picture.any(0)), (1, picture.any(1))):
            assert abs(2 * rows.sum() - whole.any(1 - k).sum()) <= 10, (profile, k)


def test_indexing_like_a_tensor(data):
    stack = data.images
    whole = stack[:]
    assert torch.equal(stack[5], whole[5]) and torch.equal(stack[-1], whole[11]) and stack[5].shape == (1, 80, 80)
    assert torch.equal(stack[np.int64(3)], whole[3]) and torch.equal(stack[torch.tensor(3)], whole[3])
    for index in (slice(2, 9, 3), [7, 0], torch.tensor([4, -1]), torch.arange(12) % 2 == 0, []):
        assert torch.equal(stack[index], whole[index]) and torch.equal(stack.subset(index)[:], whole[index])
    part = stack.subset([9, 3, 4]).subset(slice(1, None))
    assert len(part) == 2 and torch.equal(part[0], whole[3])
    for index in (12, -13):
        with pytest.raises(IndexError, match=f"slice {index} of 12"):
            stack[index]
    assert len([image for image in stack]) == 12


def test_subjects_can_be_chosen_in_both_forms(data):
    for whole in (data, brains.brain_slices("cohort", subjects=3, slices=1, progress=False)):
        chosen = whole.of_subjects([2, 0])
        rows = whole.subjects != 1
        assert type(chosen.images) is type(whole.images) and torch.equal(chosen.subjects, whole.subjects[rows])
        assert torch.equal(chosen.images[:], whole.images[:][rows])
        assert torch.equal(chosen.brain_masks[:], whole.brain_masks[:][rows])
        assert chosen.names == whole.names and len(whole.names) == 3
        for bad in ([], [3]):
            with pytest.raises(ValueError, match="numbers: expected subjects"):
                whole.of_subjects(bad)


def test_workers_and_fit_take_it(data):
    assert torch.equal(pickle.loads(pickle.dumps(data.images))[:], data.images[:])
    loader = torch.utils.data.DataLoader(data.images, batch_size=5, num_workers=2)
    assert torch.equal(torch.cat(list(loader)), data.images[:])
    histories = []
    for images in (data.images, data.images[:]):
        with training.fixed_seed(0):
            model = torch.nn.Conv2d(1, 1, 3, padding=1)
        history = training.fit(
            model, images, images[:4], loss=torch.nn.functional.mse_loss, corrupt=lambda x, generator: x, epochs=2,
            batch_size=4, progress=False, device="cpu",
        )  # fmt: skip
        histories.append(history.train_loss + history.validation_loss)
    assert histories[0] == histories[1]


# --- the cache ---


def test_what_is_kept_is_not_read_again(scans, own_cache, monkeypatch):
    first = get(scans)
    assert len(list((own_cache / "slices").iterdir())) == 3
    with monkeypatch.context() as patch:
        patch.setattr(stored, "read_volume", lambda path: pytest.fail("read again although it was kept"))
        again = get(scans)
        assert torch.equal(again.images[:], first.images[:]) and again.names == first.names
        assert len(get(scans, subjects=2)) == 8
    # other settings are other files
    assert not torch.equal(get(scans, profile="coronal").images[:], first.images[:])
    assert len(list((own_cache / "slices").iterdir())) == 6


def test_a_changed_file_is_read_again(scans, tmp_path):
    path = tmp_path / "a.nii.gz"
    path.write_bytes((scans / "head0-T1.nii.gz").read_bytes())
    first = get(path)
    scan = nibabel.load(path)
    changed = nibabel.Nifti1Image(np.asarray(scan.dataobj)[::-1].copy(), scan.affine)
    nibabel.save(changed, path)
    assert not torch.equal(get(path).images[:], first.images[:])


@pytest.mark.parametrize("damage", ["half", "empty", "too few"])
def test_damaged_cache_is_made_again_with_a_message(scans, damage):
    first = get(scans / "head0-T1.nii.gz")
    whole = first.images[:]
    (kept,) = first.images.files
    content = kept.read_bytes()
    size = first.images.record.itemsize
    kept.write_bytes({"half": content[: size * 3 // 2], "empty": b"", "too few": content[:size]}[damage])
    with pytest.raises(OSError, match="Make the slices again"):
        first.images[3]
    with pytest.warns(UserWarning, match="prepared again"):
        assert torch.equal(get(scans / "head0-T1.nii.gz").images[:], whole)
    assert torch.equal(first.images[:], whole)


def test_a_failing_disk_leaves_no_half_file(scans, own_cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        get(scans)
    assert list((own_cache / "slices").iterdir()) == []


def test_without_cache_a_temporary_folder_lives_as_long_as_the_slices(scans, own_cache):
    data = get(scans, cache=False)
    assert not own_cache.exists()
    folder = data.images.files[0].parent
    part = data.of_subjects([1]).images
    del data
    assert part[:].shape == (4, 1, 80, 80)
    pickle.loads(pickle.dumps(part))  # a worker that ends does not take the folder along
    assert part[0].shape == (1, 80, 80)
    del part
    assert not folder.exists()


# --- bad files among good ones ---


def test_bad_files_are_left_out_and_named(scans, tmp_path):
    for path in scans.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "cut.nii.gz").write_bytes((scans / "head0-T1.nii.gz").read_bytes()[:999])
    nowhere = np.random.default_rng(0).integers(0, 5, (30, 30, 30)).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(nowhere, np.diag([0.1, 0.1, 0.1, 1])), tmp_path / "no-head.nii")
    with pytest.warns(UserWarning, match="5 files: 3 read, 2 refused") as caught:
        data = get(tmp_path)
    assert data.names == ("head0-T1", "head1-T1", "head2-T1") and len(data) == 12
    assert "truncated" in data.report.refused[tmp_path / "cut.nii.gz"]
    assert "no-head.nii" in str(caught[0].message) and caught[0].filename == __file__
    with pytest.raises(ValueError, match="at least one scan that can be used\n1 files: 0 read"):
        get(tmp_path / "cut.nii.gz")
    with pytest.warns(UserWarning, match="gone.nii: there is no such file"):
        assert len(get([scans / "head0-T1.nii.gz", tmp_path / "gone.nii"])) == 4


def test_a_slab_gives_all_the_planes_it_has(tmp_path):
    """18 planes, where 30 are the default; and a scan with more planes gives as many as are asked for."""
    whole = brains.colin27()
    slab = nibabel.Nifti1Image((1000 * whole.data[:, :, 80:98]).astype(np.int16), np.eye(4))
    nibabel.save(slab, tmp_path / "slab.nii.gz")
    data = brains.brain_slices(tmp_path, progress=False)
    assert data.images.shape == (18, 1, 256, 256)
    planes = np.fromfile(data.images.files[0], data.images.record)["plane"]
    assert planes.tolist() == list(range(18))
    masks = brains.crop_or_pad(np.rot90(whole.brain_mask[:, :, 80:98]).transpose(2, 0, 1), 256)
    assert dice(data.brain_masks[:][:, 0].numpy(), masks) > 0.95
    assert len(brains.brain_slices(tmp_path, slices=5, progress=False)) == 5
    assert len(brains.brain_slices(tmp_path, slices=500, progress=False)) == 18  # kept, and read again
    assert len(brains.brain_slices(tmp_path, slices=500, progress=False)) == 18


def test_masks_of_your_own(scans, tmp_path, monkeypatch):
    """Beside the scans, in a folder of their own, or a list; in axes of their own, as 0 and 255 or 0 and 1."""
    monkeypatch.setattr(stored, "find_brain", lambda *_: pytest.fail("searched for, though a mask was given"))
    truth = brains.colin27().brain_mask[::COARSE, ::COARSE, ::COARSE].copy()
    truth[: truth.shape[0] // 2] = False  # half a brain: no search would find that
    orientation = nibabel.orientations
    turn = orientation.ornt_transform(orientation.axcodes2ornt("RAS"), orientation.axcodes2ornt("PSR"))
    mask = nibabel.Nifti1Image(255 * truth.astype(np.uint8), np.diag([COARSE] * 3 + [1]))
    together, apart = tmp_path / "together", tmp_path / "apart"
    for folder in (together, apart):
        folder.mkdir()
    for path in scans.iterdir():
        (together / path.name).symlink_to(path)
    nibabel.save(mask, together / "head0-T1_mask.nii.gz")
    nibabel.save(mask.as_reoriented(turn), together / "head2-T1_brain.nii")
    nibabel.save(mask, apart / "head0-T1.nii.gz")
    with pytest.warns(UserWarning, match="3 files: 2 read, 1 refused(.|\n)*head1-T1.nii.gz: there is no mask for it"):
        data = get(together, masks=together, slices=None)
    assert data.names == ("head0-T1", "head2-T1")
    planes = np.fromfile(data.images.files[0], data.images.record)["plane"]
    expected = brains.crop_or_pad(np.rot90(truth[:, :, planes]).transpose(2, 0, 1), 80)
    for subject in (0, 1):
        assert np.array_equal(data.brain_masks[data.subjects == subject][:, 0].numpy(), expected)
    listed = get([together / "head0-T1.nii.gz"], masks=[apart / "head0-T1.nii.gz"], slices=None)
    assert torch.equal(listed.brain_masks[:], data.brain_masks[data.subjects == 0])
    assert len(get(together, masks=together, subjects=1)) == 4


def test_a_mask_that_does_not_fit_is_refused(scans, tmp_path):
    path, shape = scans / "head0-T1.nii.gz", brains.colin27().data[::COARSE, ::COARSE, ::COARSE].shape
    ones = np.zeros(shape, np.uint8)
    ones[5:-5, 5:-5, 5:-5] = 1
    affine = np.diag([COARSE] * 3 + [1.0])
    nibabel.save(nibabel.Nifti1Image(ones[:-1], affine), tmp_path / "shape.nii")
    affine[0, 3] = 7
    nibabel.save(nibabel.Nifti1Image(ones, affine), tmp_path / "place.nii")
    for name, message in (("shape.nii", "mask of the scan's shape"), ("place.nii", "2.3 voxels apart")):
        with pytest.raises(ValueError, match=f"{name}: expected a mask.*{message}|{message}"):
            get(path, masks=[tmp_path / name])
    with pytest.raises(ValueError, match="masks: expected 1 files, one for each scan, got 2"):
        get(path, masks=[path, path])
    with pytest.raises(ValueError, match="masks: expected none for 'colin27'"):
        get("colin27", masks=tmp_path)


def test_a_brain_that_cannot_be_one_is_kept_and_told(tmp_path):
    x, y, z = np.ogrid[-50:50, -50:50, -50:50]
    ball = (np.sqrt(x**2 + y**2 + z**2) < 20) * (2000 + 100 * np.sin(x + y))
    nibabel.save(nibabel.Nifti1Image(ball.astype(np.int16), np.diag([2, 2, 2, 1])), tmp_path / "ball.nii")
    with pytest.warns(UserWarning, match="1 files: 1 read, 0 refused\n.*ball.nii: found a brain of 0.2. litres"):
        data = get(tmp_path, slices=3)
    assert len(data) == 3 and "litres" in data.report.doubtful[tmp_path / "ball.nii"]


@pytest.mark.parametrize("fault", ["padded with -32768", "air at -1024", "z-scored, without skull"])
def test_backgrounds_below_zero_cost_neither_contrast_nor_the_brain(fault, tmp_path):
    whole = brains.colin27()
    head, truth = (part[::COARSE, ::COARSE, ::COARSE] for part in (whole.data, whole.brain_mask))
    values = {
        "padded with -32768": np.where(head < 0.005, -32768, 1000 * head).astype(np.int16),
        "air at -1024": np.where(head < 0.02, -1024, 1000 * head).astype(np.int16),
        "z-scored, without skull": np.where(truth, (head - head[truth].mean()) / head[truth].std(), 0),
    }[fault].astype(np.float32 if "z-scored" in fault else np.int16)
    path = tmp_path / "head.nii"
    nibabel.save(nibabel.Nifti1Image(values, np.diag([COARSE] * 3 + [1])), path)
    data = get(path, slices=None)
    planes = np.fromfile(data.images.files[0], data.images.record)["plane"]
    brain = torch.from_numpy(brains.crop_or_pad(np.rot90(truth[:, :, planes]).transpose(2, 0, 1), 80))
    inside = data.images[:][:, 0][brain]
    assert inside.std() > 0.09  # as without a fault: .10 with skull, .24 without; it was .003 for -32768
    assert dice(data.brain_masks[:][:, 0].numpy(), brain.numpy()) > 0.93


@pytest.mark.parametrize(
    ("source", "options", "error", "message"),
    [
        ("mri", {}, ValueError, 'expected "cohort", "colin27", "ixi", a folder'),
        ("no/such/folder", {}, FileNotFoundError, "no such folder"),
        ([], {}, ValueError, "at least one file"),
        (5, {}, TypeError, "source: expected"),
        ("ixi", {}, DataUnavailable, "course data fetch ixi"),
        (".", {"profile": "oblique"}, ValueError, "profile: expected"),
        (".", {"pixel_size": 0}, ValueError, "pixel_size: expected"),
        (".", {"size": (1, 2, 3)}, ValueError, "size: expected"),
        (".", {"slices": 0}, ValueError, "slices: expected"),
        ("cohort", {"slices": None}, TypeError, "slices: expected"),
        ("colin27", {"slices": None}, TypeError, "slices: expected"),
    ],
)
def test_bad_input(source, options, error, message):
    with pytest.raises(error, match=message):
        get(source, **options)


def test_ixi_is_what_was_fetched(scans, own_cache):
    folder = own_cache / "IXI-T1"
    folder.mkdir(parents=True)
    for number, path in enumerate(sorted(scans.iterdir())):
        (folder / f"IXI{number + 2:03}-Guys-0828-T1.nii.gz").write_bytes(path.read_bytes())
    data = get("ixi", subjects=2)
    assert data.names == ("IXI002-Guys-0828-T1", "IXI003-Guys-0828-T1") and len(data) == 8


# --- memory ---

MANY = """
import json, sys
from pathlib import Path
import torch
from course_lib.data import brains
data = brains.brain_slices(sys.argv[1], slices=10, progress=False)
total, order = torch.zeros(()), torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
for rows in order.split(32):
    total += data.images[rows].mean() + data.brain_masks[rows].float().mean()
status = Path("/proc/self/status").read_text().splitlines()
peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
print(json.dumps([len(data), float(total), peak]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_a_cohort_of_500_stays_within_one_gigabyte(scans, tmp_path, own_cache):
    """500 volumes are 5000 slices: 1.3 GB as float32. All is links to one file, read as if they were many."""
    folder = tmp_path / "many"
    folder.mkdir()
    source = scans / "head0-T1.nii.gz"
    preparation = stored.Preparation("axial", 10, 1.0, (256, 256))
    (kept,), _, _ = stored.store([source], preparation, progress=False)
    for number in range(500):
        path = folder / f"head{number:03}.nii.gz"
        os.link(source, path)
        os.link(kept, kept.parent / stored._name(path, preparation))
    run = [sys.executable, "-c", MANY, str(folder)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True, env=os.environ)
    count, total, peak = json.loads(done.stdout)
    assert count == 5000 and total > 1
    assert peak < 1000, f"{peak:.0f} MiB"
