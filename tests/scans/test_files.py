"""A file and the like of it: header byte for byte, every number type, series, packed or not."""

import gzip

import nibabel as nib
import nifti_bytes
import numpy as np
import pytest

from course_lib.scans import read_stored, write_stored

AFFINE = np.array([[-0.9, 0, 0, 80], [0, 0, 3.0, -100], [0, 1.1, 0.2, -60], [0, 0, 0, 1]])


def saved(tmp_path, kind, *, slope=None, intercept=0.0, shape=(5, 7, 6), name="in.nii.gz", form=nib.Nifti1Image):
    stored = np.random.default_rng(0).integers(0, 100, shape).astype(kind)
    image = form(stored, AFFINE, dtype=stored.dtype)
    image.header.set_data_dtype(kind)
    image.header["descrip"] = b"made by a test"
    image.header.set_xyzt_units("mm", "sec")
    if slope is not None:
        image.header.set_slope_inter(slope, intercept)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    nib.save(image, tmp_path / name)
    return tmp_path / name, stored


def unpacked(path):
    packed = path.read_bytes()
    return gzip.decompress(packed) if path.name.endswith(".gz") else packed


@pytest.mark.parametrize("kind", ["<i2", ">i2", "u1", "<u2", "<i4", ">f4", "<f8", "<u8", "<i8"])
@pytest.mark.parametrize("shape", [(5, 7, 6), (4, 3, 5, 3)])
def test_what_is_written_is_what_was_read(tmp_path, kind, shape):
    path, _ = saved(tmp_path, kind, shape=shape)
    image = read_stored(path)
    write_stored(tmp_path / "out.nii", image, image.stored)
    assert unpacked(tmp_path / "out.nii") == unpacked(path)


@pytest.mark.parametrize("form", [nib.Nifti1Image, nib.Nifti2Image])
def test_extensions_and_names_stay(tmp_path, form):
    path, _ = saved(tmp_path, "<i2", form=form)
    image = read_stored(path)
    write_stored(tmp_path / "out.nii.gz", image, image.stored)
    again = nib.load(tmp_path / "out.nii.gz")
    assert again.header.extensions[0].get_content() == b"kept" and again.header["descrip"] == b"made by a test"
    assert type(again) is form


@pytest.mark.parametrize(("kind", "slope", "intercept"), [("<i2", 0.25, -3.0), ("u1", 2.0, 10.0), ("<f4", None, 0.0)])
def test_values_there_and_back(tmp_path, kind, slope, intercept):
    path, _ = saved(tmp_path, kind, slope=slope, intercept=intercept)
    image = read_stored(path)
    values = image.volume()
    np.testing.assert_allclose(values, nib.load(path).get_fdata(), rtol=1e-6)
    np.testing.assert_array_equal(image.to_stored(values), image.stored)


def test_whole_numbers_are_rounded_and_cut_off(tmp_path):
    image = read_stored(saved(tmp_path, "u1")[0])
    values = np.array([-5, 0.4, 0.6, 254.7, 300], np.float32)
    assert image.to_stored(values).tolist() == [0, 0, 1, 255, 255]
    image = read_stored(saved(tmp_path, "<i8", name="wide.nii")[0])
    assert image.to_stored(np.array([1e30, -1e30], np.float32)).tolist()[0] > 2**62


def test_voxel_size_follows_the_axes_of_the_file(tmp_path):
    image = read_stored(saved(tmp_path, "<i2")[0])
    np.testing.assert_allclose(image.voxel_size, nib.affines.voxel_sizes(AFFINE), rtol=1e-6)
    assert image.volumes == 1 and read_stored(saved(tmp_path, "<i2", shape=(2, 3, 4, 5), name="4.nii")[0]).volumes == 5


def test_an_offset_of_zero_is_mended_so_that_others_can_read_it(tmp_path):
    path = tmp_path / "in.nii"
    path.write_bytes(nifti_bytes.file(vox_offset=0))
    image = read_stored(path)
    write_stored(tmp_path / "out.nii", image, image.stored)
    stored = np.arange(nifti_bytes.COUNT).reshape(nifti_bytes.SHAPE)
    np.testing.assert_array_equal(np.asarray(nib.load(tmp_path / "out.nii").dataobj), stored)


def test_wrong_targets(tmp_path):
    image = read_stored(saved(tmp_path, "<i2")[0])
    for path, stored, message in (
        (tmp_path / "out.mha", image.stored, r"\.nii"),
        (tmp_path / "out.nii", image.stored[:2], "expected int16"),
        (tmp_path / "out.nii", image.stored.astype(float), "expected int16"),
    ):
        with pytest.raises(ValueError, match=message):
            write_stored(path, image, stored)
    assert not (tmp_path / "out.nii").exists()
    with pytest.raises(FileNotFoundError):
        read_stored(tmp_path / "none.nii")
    (tmp_path / "bad.nii").write_bytes(b"no")
    with pytest.raises(ValueError, match="bad.nii"):
        read_stored(tmp_path / "bad.nii")
