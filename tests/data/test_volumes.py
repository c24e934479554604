"""Reading NIfTI files in every condition: good ones from any orientation, and bad ones refused by name."""

from __future__ import annotations

import gzip
import subprocess
import sys

import nibabel
import numpy as np
import pytest

from course_lib.data import volumes
from course_lib.data.sources import SAMPLES

SHAPE = (7, 9, 11)
ORIENTATIONS = ["RAS", "LPS", "PSR", "AIL", "SRP", "LIA"]


def values(dtype=np.int16):
    return (np.arange(np.prod(SHAPE)).reshape(SHAPE) % 251).astype(dtype)


def image(data=None, affine=None, form=nibabel.Nifti1Image):
    return form(values() if data is None else data, np.diag([1.2, 0.94, 0.9, 1]) if affine is None else affine)


def save(path, nifti):
    nibabel.save(nifti, path)
    return path


# --- good files ---


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("axes", ORIENTATIONS)
def test_any_orientation_becomes_ras(tmp_path, axes, ending):
    orientation = nibabel.orientations
    turn = orientation.ornt_transform(orientation.axcodes2ornt("RAS"), orientation.axcodes2ornt(axes))
    path = save(tmp_path / f"head.x{ending}", image().as_reoriented(turn))
    scan = volumes.read_volume(path)
    np.testing.assert_array_equal(scan.data, values())
    assert scan.data.dtype == np.float32 and scan.name == "head.x" and scan.path == path
    np.testing.assert_allclose(scan.voxel_size, (1.2, 0.94, 0.9), rtol=1e-6)
    np.testing.assert_allclose(scan.affine, np.diag([1.2, 0.94, 0.9, 1]), atol=1e-6)


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<i4", "<f4", ">f4", "<f8", "<u2", "<i8"])
@pytest.mark.parametrize("form", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_values_agree_with_nibabel(tmp_path, dtype, form):
    nifti = form(values(dtype), np.eye(4), dtype=dtype)
    nifti.header.set_slope_inter(0.5, -3)
    path = save(tmp_path / "a.nii.gz", nifti)
    loaded = nibabel.load(path)
    expected = loaded.get_fdata(dtype=np.float32)
    scan = volumes.read_volume(path)
    np.testing.assert_allclose(scan.data, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(scan.affine, loaded.affine, atol=1e-6)


def test_oblique_axes_are_turned_to_the_nearest_and_nothing_is_resampled(tmp_path):
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([-2.0, 1.0, 3.0])
    scan = volumes.read_volume(save(tmp_path / "a.nii", image(affine=affine)))
    np.testing.assert_array_equal(scan.data, values()[::-1])
    np.testing.assert_allclose(scan.voxel_size, (2, 1, 3), rtol=1e-6)
    assert np.linalg.det(scan.affine[:3, :3]) > 0


def test_the_place_of_every_voxel_stays_what_it_was(tmp_path):
    affine = np.array([[0, 0, -2.0, 40], [1.5, 0, 0, -7], [0, -0.5, 0, 3], [0, 0, 0, 1]])
    scan = volumes.read_volume(save(tmp_path / "a.nii", image(affine=affine)))
    for index in [(0, 0, 0), (6, 8, 10), (2, 5, 9)]:
        place = affine @ [*index, 1]
        found = np.round(np.linalg.inv(scan.affine) @ place)[:3].astype(int)
        assert scan.data[tuple(found)] == values()[index]


def test_units_a_fourth_axis_of_one_and_several_members_of_gzip(tmp_path):
    nifti = image(values()[..., None], np.diag([0.002, 0.001, 0.001, 1]))
    nifti.header.set_xyzt_units("meter")
    path = save(tmp_path / "a.nii", nifti)
    scan = volumes.read_volume(path)
    assert scan.data.shape == SHAPE
    np.testing.assert_allclose(scan.voxel_size, (2, 1, 1), rtol=1e-6)
    raw = path.read_bytes()
    parts = tmp_path / "b.nii.gz"
    parts.write_bytes(gzip.compress(raw[:200]) + gzip.compress(raw[200:900]) + gzip.compress(raw[900:]))
    np.testing.assert_array_equal(volumes.read_volume(parts).data, scan.data)
    extra = tmp_path / "c.nii.gz"
    extra.write_bytes(gzip.compress(raw + b"more"))
    np.testing.assert_array_equal(volumes.read_volume(extra).data, scan.data)


def test_embedded_head():
    scan = volumes.read_volume(SAMPLES / "colin27_t1.nii.gz")
    assert scan.name == "colin27_t1" and scan.data.shape == (181, 217, 181) and scan.voxel_size == (1, 1, 1)
    expected = nibabel.as_closest_canonical(nibabel.load(scan.path))
    np.testing.assert_array_equal(scan.data, expected.get_fdata(dtype=np.float32))
    np.testing.assert_array_equal(scan.affine, expected.affine)


# --- bad files ---


def with_header(path, change, ending=".nii"):
    """A good file whose header bytes were changed, packed if wanted."""
    source = save(path.with_name("source.nii"), image())
    raw = bytearray(source.read_bytes())
    source.unlink()
    change(raw)
    path.write_bytes(gzip.compress(bytes(raw)) if ending == ".nii.gz" else bytes(raw))


def set_bytes(start, dtype, *numbers):
    def change(raw):
        packed = np.array(numbers, dtype).tobytes()
        raw[start : start + len(packed)] = packed

    return change


def truncated(path):
    save(path, image(np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)))
    path.write_bytes(path.read_bytes()[:-200])


def no_end(path):
    save(path, image())
    path.write_bytes(path.read_bytes()[:-4])


def flipped(path):
    save(path, image(np.random.default_rng(0).integers(0, 999, SHAPE).astype(np.int16)))
    content = bytearray(path.read_bytes())
    content[-8] ^= 0xFF  # in the checksum
    path.write_bytes(content)


def with_nan(path):
    data = values(np.float32)
    data[1, 2, 3:5] = np.nan, np.inf
    save(path, image(data))


def rgb(path):
    save(path, image(np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])))


def quaternion(raw):
    set_bytes(252, "<i2", 1, 0)(raw)  # the quaternion counts, the matrix does not
    set_bytes(256, "<f4", 9, 9, 9)(raw)


def header(change, ending=".nii"):
    return lambda path: with_header(path, change, ending)


def nifti(data):
    return lambda path: save(path, image(data))


def content(content):
    return lambda path: path.write_bytes(content)


# fault: (name's end, what the error says, maker)
BAD = {
    "truncated gz": (".nii.gz", "truncated", truncated),
    "gz without its end": (".nii.gz", "without its end", no_end),
    "damaged gz": (".nii.gz", "damaged", flipped),
    "not gz inside": (".nii.gz", "damaged", content(b"\x1f\x8b" + b"nonsense" * 20)),
    "truncated": (".nii", "truncated", truncated),
    "half a header": (".nii", "other content", content(bytes(100))),
    "empty": (".nii.gz", "empty one", content(b"")),
    "text": (".nii.gz", "other content", content(b"<html>please log in</html>" * 30)),
    "packed text": (".nii.gz", "other content", content(gzip.compress(b"hello" * 200))),
    "4D": (".nii.gz", "one 3D volume, got the shape", nifti(np.zeros((*SHAPE, 2), "i2"))),
    "2D": (".nii", "one 3D volume, got the shape", nifti(np.zeros((7, 9), "i2"))),
    "NaN": (".nii.gz", "NaN or infinity in 2 of 693 voxels", with_nan),
    "constant": (".nii.gz", "same value 4 in all 693", nifti(np.full(SHAPE, 4, "i2"))),
    "colours": (".nii", "real numbers", rgb),
    "complex": (".nii", "real numbers", nifti(values(np.complex64))),
    "affine with NaN": (".nii.gz", "finite affine", header(set_bytes(280, "<f4", np.nan), ".nii.gz")),
    "affine with infinity": (".nii", "finite affine", header(set_bytes(312, "<f4", np.inf))),
    "singular affine": (".nii", "singular", header(set_bytes(280, "<f4", *[0] * 12))),
    "quaternion": (".nii", "quaternion", header(quaternion)),
    "huge": (".nii", "promises 35,181,150,961,663", header(set_bytes(40, "<i2", 3, 32767, 32767, 32767))),
    "huge, packed": (".nii.gz", "as the header says", header(set_bytes(40, "<i2", 3, 500, 500, 500), ".nii.gz")),
    "no voxels": (".nii", "at least one voxel", header(set_bytes(42, "<i2", 0))),
    "unknown type": (".nii", "damaged one", header(set_bytes(70, "<i2", 9999))),
}


@pytest.mark.parametrize("fault", BAD)
def test_bad_files_are_refused_by_name(tmp_path, fault):
    ending, message, make = BAD[fault]
    path = tmp_path / f"bad{ending}"
    make(path)
    with pytest.raises(ValueError, match=message) as caught:
        volumes.read_volume(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_another_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing.nii"):
        volumes.read_volume(tmp_path / "nothing.nii")


def test_a_false_promise_costs_no_memory(tmp_path):
    """gzip can pack 1000 to 1: neither the header's promise nor a bomb may fill the memory."""
    bomb = tmp_path / "bomb.nii.gz"
    bomb.write_bytes(gzip.compress(bytes(2**27)))
    promise = tmp_path / "promise.nii.gz"
    with_header(promise, set_bytes(40, "<i2", 3, 500, 500, 500), ".nii.gz")
    code = f"""
import resource, sys
from course_lib.data import volumes
import nibabel
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in {[str(bomb), str(promise)]!r}:
    try:
        volumes.read_volume(path)
    except ValueError:
        continue
    raise SystemExit("read it")
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
assert grown < 60_000 * (1024 if sys.platform == "darwin" else 1), grown
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- many files ---


def test_all_bad_files_are_passed_over_and_named_at_the_end(tmp_path):
    for number, (ending, _, make) in enumerate(BAD.values()):
        make(tmp_path / f"m{number:02}{ending}")
    (tmp_path / "sub").mkdir()
    good = [save(tmp_path / "a.nii", image()), save(tmp_path / "sub" / "z.nii.gz", image())]
    (tmp_path / "notes.txt").write_text("no volume")
    (tmp_path / "._a.nii").write_text("what macOS leaves behind")
    found = volumes.read_volumes(tmp_path)
    assert len(found) == len(BAD) + 2
    with pytest.warns(UserWarning, match=f"{len(BAD) + 2} files: 2 read, {len(BAD)} refused") as caught:
        names = [scan.name for scan in found]
    assert names == ["a", "z"] and found.report.read == good
    assert len(caught) == 1 and __file__ in caught[0].filename  # one warning, at the loop of the caller
    for number, (ending, message, _) in enumerate(BAD.values()):
        path = tmp_path / f"m{number:02}{ending}"
        assert str(path) in str(found.report) and str(path) in found.report.refused[path]
        assert message in found.report.refused[path]


def test_reading_is_lazy_and_can_be_repeated(tmp_path, monkeypatch):
    paths = [save(tmp_path / f"{n}.nii", image()) for n in range(3)]
    paths.insert(1, tmp_path / "missing.nii")
    read, real = [], volumes.read_volume
    monkeypatch.setattr(volumes, "read_volume", lambda path: (read.append(path), real(path))[1])
    found = volumes.read_volumes(str(path) for path in paths)
    assert read == []
    first = iter(found)
    next(first)
    assert read == paths[:1]
    first.close()  # left early: no report is due
    for _ in range(2):
        with pytest.warns(UserWarning, match="missing.nii: there is no such file"):
            assert len(list(found)) == 3
        assert len(found.report.read) == 3 and len(found.report.refused) == 1


def test_no_warning_where_all_is_well(tmp_path, recwarn):
    save(tmp_path / "a.nii", image())
    found = volumes.read_volumes(tmp_path)
    assert len(list(found)) == 1 and not recwarn.list
    assert str(found.report) == "1 files: 1 read, 0 refused"


def test_find_volumes(tmp_path):
    with pytest.raises(ValueError, match="got none in"):
        volumes.find_volumes(tmp_path)
    with pytest.raises(ValueError, match="got none in"):
        volumes.find_volumes([])
    with pytest.raises(FileNotFoundError, match="nowhere"):
        volumes.find_volumes(tmp_path / "nowhere")
    paths = [save(tmp_path / name, image()) for name in ("a.nii", "B.NII.GZ", "c.nii.gz")]
    assert sorted(volumes.find_volumes(tmp_path)) == sorted(paths)
    assert volumes.find_volumes(tmp_path, first=2) == sorted(paths)[:2]
    assert volumes.find_volumes(paths[0]) == paths[:1]
    assert volumes.find_volumes(paths[::-1]) == paths[::-1]
    with pytest.raises(ValueError, match="first: expected"):
        volumes.find_volumes(tmp_path, first=0)
