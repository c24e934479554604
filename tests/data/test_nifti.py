"""NIfTI files as they lie on disks: each known fault is read right, or refused by name."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from nifti_bytes import COUNT, SHAPE, file

from course_lib.data import dicom, volumes


def read(tmp_path, content, name="head.nii"):
    path = tmp_path / name
    path.write_bytes(content)
    return volumes.read_volume(path)


def refused(tmp_path, content, message, name="head.nii"):
    with pytest.raises(ValueError, match=message) as caught:
        read(tmp_path, content, name)
    assert str(tmp_path / name) in str(caught.value)


PLAIN = np.arange(COUNT, dtype=np.float32).reshape(SHAPE)


# --- each fault ---


@pytest.mark.parametrize("slope", [0, np.nan, np.inf, -np.inf])
def test_a_slope_that_is_no_number_means_unscaled(tmp_path, slope):
    for intercept in (0, 7, np.nan):
        found = read(tmp_path, file(scl_slope=slope, scl_inter=intercept)).data
        np.testing.assert_array_equal(found, PLAIN)


@pytest.mark.parametrize("intercept", [np.nan, np.inf, -np.inf])
def test_an_intercept_that_is_no_number_is_refused_and_the_other_files_go_on(tmp_path, intercept):
    for number, (slope, added) in enumerate([(1, 0), (1, intercept), (2, intercept), (2, 3)]):
        (tmp_path / f"s{number}.nii").write_bytes(file(scl_slope=slope, scl_inter=added))
    found = volumes.read_volumes(tmp_path)
    with pytest.warns(UserWarning, match="4 files: 2 read, 2 refused"):
        scans = list(found)
    assert [scan.name for scan in scans] == ["s0", "s3"]
    np.testing.assert_array_equal(scans[1].data, 2 * PLAIN + 3)
    for name in ("s1.nii", "s2.nii"):
        assert "scl_inter" in found.report.refused[tmp_path / name]


def test_an_offset_of_0_stands_for_the_end_of_the_header(tmp_path):
    np.testing.assert_array_equal(read(tmp_path, file(vox_offset=0)).data, PLAIN)
    # others are believed: without the four bytes of extension, and with a kilobyte of it
    for gap in (0, 4, 1000):
        np.testing.assert_array_equal(read(tmp_path, file(gap=gap)).data, PLAIN)
    second = nibabel.Nifti2Image(PLAIN, np.eye(4)).to_bytes()
    raw = bytearray(second)
    raw[168:176] = bytes(8)
    np.testing.assert_array_equal(read(tmp_path, bytes(raw)).data, PLAIN)


@pytest.mark.parametrize("offset", [np.nan, np.inf, 1e30, -352, 1, 347, 352.5])
def test_an_offset_that_cannot_be_is_refused(tmp_path, offset):
    refused(tmp_path, file(vox_offset=offset), "vox_offset")


def test_a_quaternion_that_rounding_made_too_long_is_shortened(tmp_path):
    """As FSL, ITK and SPM read it: w is 0, and the rest is a unit vector u; x -> 2 u (u·x) - x."""
    for quaternion in ((0.6, 0.64, 0.48), (0.6, 0.64, 0.4800006), (0.6, 0.64, 0.481), (0.602, 0.64, 0.48)):
        content = file(quatern=quaternion, qform_code=1, sform_code=0, pixdim=[1, 1, 2, 3, 0, 0, 0, 0])
        scan = read(tmp_path, content)
        u = np.array(quaternion) / np.linalg.norm(quaternion)
        turn = (2 * np.outer(u, u) - np.eye(3)) @ np.diag([1, 2, 3])
        index = np.argwhere(scan.data == PLAIN[1, 2, 3])[0]
        np.testing.assert_allclose((scan.affine @ [*index, 1])[:3], turn @ [1, 2, 3], atol=1e-4)
        assert sorted(np.round(scan.voxel_size, 4)) == [1, 2, 3]


def test_a_handedness_of_0_is_1_and_voxel_sizes_are_lengths(tmp_path):
    for first, sides in ((0, [1, 2, 3]), (7, [1, 2, 3]), (1, [-1, 2, -3]), (-1, [1, 2, 3])):
        scan = read(tmp_path, file(qform_code=1, sform_code=0, pixdim=[first, *sides, 0, 0, 0, 0]))
        assert scan.voxel_size == (1, 2, 3)
        np.testing.assert_array_equal(scan.data, PLAIN[..., ::-1] if first == -1 else PLAIN)


@pytest.mark.parametrize("quaternion", [(1, 1, 1), (0.7, 0.7, 0.3), (np.nan, 0, 0), (0, np.inf, 0)])
def test_a_quaternion_that_is_none_is_refused(tmp_path, quaternion):
    refused(tmp_path, file(quatern=quaternion, qform_code=1, sform_code=0), "quaternion")


@pytest.mark.parametrize(
    ("unit", "side", "wanted"),
    [(0, 2.0, 2.0), (2, 2.0, 2.0), (1, 0.002, 2.0), (3, 2000.0, 2.0), (10, 2.0, 2.0), (7, 2.0, 2.0), (5, 2.0, 2.0)],
)
def test_units(tmp_path, unit, side, wanted):
    """Metre, millimetre, micron; with seconds beside them (8); 0 and codes that do not exist are millimetres."""
    scan = read(tmp_path, file(xyzt_units=unit, srow_x=[side, 0, 0, 0], srow_y=[0, side, 0, 0], srow_z=[0, 0, side, 0]))
    np.testing.assert_allclose(scan.voxel_size, [wanted] * 3, rtol=1e-6)


def test_a_wrong_unit_is_told(tmp_path):
    refused(tmp_path, file(xyzt_units=1), "1e\\+03 × 1e\\+03 × 1e\\+03: is the unit, code 1, right")
    refused(tmp_path, file(srow_x=[1e-6, 0, 0, 0]), "voxels of 0.0001 to 100 mm")


@pytest.mark.parametrize("kind", ["i4", "u4", "i8", "u8", "f8"])
def test_wide_numbers_keep_their_differences(tmp_path, kind):
    """float32 alone would read 2^30 + k in steps of 64."""
    stored = (2**30 + 3 * np.arange(COUNT)).astype(kind).reshape(SHAPE)
    np.testing.assert_array_equal(read(tmp_path, file(stored, scl_inter=-(2.0**30))).data, 3 * PLAIN)
    refused(tmp_path, file(stored), "differences float32 can hold")
    small = (1000 * np.arange(COUNT)).astype(kind).reshape(SHAPE)
    np.testing.assert_array_equal(read(tmp_path, file(small)).data, 1000 * PLAIN)


def test_numbers_beyond_float32_are_told_from_infinity(tmp_path):
    refused(tmp_path, file(np.linspace(0, 1e300, COUNT).reshape(SHAPE)), "values that float32 can hold")
    refused(tmp_path, file(scl_slope=3e38), "values that float32 can hold")
    refused(tmp_path, file(np.where(PLAIN == 4, np.inf, PLAIN)), "NaN or infinity in 1 of 210")


OTHERS = {
    "DICOM": (bytes(128) + b"DICM" + bytes(400), "DICOM: convert .* with dcm2niix \\(https"),
    "DICOM without a preamble": (b"\x08\0\x05\0CS\x0a\0ISO_IR 100" + bytes(400), "dcm2niix"),
    "half of a pair": (file()[:344] + b"ni1\0", "pair .hdr and .img"),
    "Analyze": (file()[:344] + bytes(4), "Analyze 7.5"),
    "MGH": (b"\0\0\0\1" + bytes(400), "MGH"),
    "NRRD": (b"NRRD0004\n" + bytes(400), "NRRD"),
    "zip": (b"PK\x03\x04" + bytes(400), "zip"),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_formats_are_named_and_what_to_do(tmp_path, other):
    content, message = OTHERS[other]
    refused(tmp_path, content, message)
    refused(tmp_path, gzip.compress(content), message, "packed.nii.gz")


def test_a_folder_of_dicom_files_says_what_to_do(tmp_path):
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "IM0001").write_bytes(OTHERS["DICOM"][0])
    with pytest.raises(ValueError, match="got DICOM: convert .* with dcm2niix"):
        volumes.find_volumes(tmp_path)
    (tmp_path / "head.nii").write_bytes(file())
    assert volumes.find_volumes(tmp_path) == [tmp_path / "head.nii"]


def test_an_mr_series_is_sent_to_dcm2niix(tmp_path):
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = generate_uid(), generate_uid()
    data.Modality = "MR"
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(ValueError, match="not CT, but MR.*dcm2niix.*read the .nii.gz"):
        dicom.read_ct_series(tmp_path)
