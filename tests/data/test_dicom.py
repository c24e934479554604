"""A CT series of DICOM files: rescaled, padded and ordered right, or refused with the name of the file."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from course_lib.data.dicom import read_ct_series

SERIES = "1.2.3.4"


def write(path: Path, stored: np.ndarray, **changes) -> Path:
    """A CT slice of our own; changes: elements by name, None leaves one out."""
    given = {
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SeriesInstanceUID": SERIES,
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "PixelSpacing": [0.8, 0.7],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "ImagePositionPatient": [0, 0, 0],
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": int(np.issubdtype(stored.dtype, np.signedinteger)),
    } | changes
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    for name, value in given.items():
        if value is not None:
            setattr(data, name, value)
    data.PixelData = stored.astype("<i2" if given["PixelRepresentation"] else "<u2").tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def slices(folder: Path, places, **changes) -> None:
    """A slice at each place (mm); the number stored in it says which it is."""
    for number, place in enumerate(places):
        stored = np.full((5, 7), 1024 + number, np.uint16)
        write(folder / f"{number:03d}", stored, ImagePositionPatient=[0, 0, place], **changes)


def test_slices_are_ordered_by_their_place_and_not_by_their_names(tmp_path):
    slices(tmp_path, [4, 0, 6, 2])
    found = read_ct_series(tmp_path)
    assert found.hounsfield.shape == (4, 5, 7) and found.hounsfield.dtype == np.float32
    assert found.hounsfield[:, 0, 0].tolist() == [1, 3, 0, 2]
    assert found.spacing == pytest.approx((2, 0.8, 0.7))
    assert [path.name for path in found.files] == ["001", "003", "000", "002"]


def test_a_slanted_stack_is_ordered_along_its_own_normal(tmp_path):
    tilt = [1, 0, 0, 0, 0.8, 0.6]  # normal (0, -0.6, 0.8)
    for number, place in enumerate([2.0, 0.0, 1.0]):
        position = [0, -0.6 * place, 0.8 * place]
        stored = np.full((3, 3), number, np.uint16)
        write(tmp_path / f"{number}.dcm", stored, ImageOrientationPatient=tilt, ImagePositionPatient=position)
    found = read_ct_series(tmp_path)
    assert [path.stem for path in found.files] == ["1", "2", "0"] and found.spacing[0] == pytest.approx(1)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_stored_numbers_become_hounsfield_units_by_each_files_own_rule(tmp_path, dtype):
    stored = np.array([[0, 1, 30000], [1024, 2000, 100]], dtype)
    write(tmp_path / "a", stored, RescaleSlope=2, RescaleIntercept=-100)
    assert np.array_equal(read_ct_series(tmp_path / "a").hounsfield[0], 2.0 * stored.astype(float) - 100)
    write(tmp_path / "b", stored, RescaleSlope=None, RescaleIntercept=None)
    assert np.array_equal(read_ct_series(tmp_path / "b").hounsfield[0], stored.astype(float))


def test_padding_and_what_lies_below_air_are_air(tmp_path):
    stored = np.array([[-2000, -3024], [40, 7]], np.int16)
    write(tmp_path / "a", stored, RescaleIntercept=0, PixelPaddingValue=7)
    assert read_ct_series([tmp_path / "a"]).hounsfield[0].tolist() == [[-1000, -1000], [40, -1000]]


def test_what_is_no_slice_is_left_out_and_named(tmp_path):
    slices(tmp_path, [0, 1])
    write(tmp_path / "scout", np.zeros((2, 2), np.uint16), ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    write(tmp_path / "mr", np.zeros((2, 2), np.uint16), Modality="MR")
    (tmp_path / "readme.txt").write_text("hello")
    found = read_ct_series(tmp_path)
    assert len(found.files) == 2
    reasons = {path.name: why for path, why in found.left_out}
    assert "localiser" in reasons["scout"] and "MR" in reasons["mr"] and "no DICOM" in reasons["readme.txt"]


def test_one_of_several_series_is_asked_for(tmp_path):
    slices(tmp_path, [0, 1])
    write(tmp_path / "other", np.zeros((5, 7), np.uint16), SeriesInstanceUID="9.9", ImagePositionPatient=[0, 0, 9])
    with pytest.raises(ValueError, match="expected one series, found 2.*1.2.3.4 .2 slices"):
        read_ct_series(tmp_path)
    assert len(read_ct_series(tmp_path, series=SERIES).files) == 2
    with pytest.raises(ValueError, match="series: expected one of"):
        read_ct_series(tmp_path, series="5")


@pytest.mark.parametrize(
    ("places", "words"), [([0, 1, 2, 4, 5], "is a slice missing"), ([0, 1, 1, 2], "same place as")]
)
def test_a_stack_with_a_hole_or_a_double_is_refused(tmp_path, places, words):
    slices(tmp_path, places)
    with pytest.raises(ValueError, match=words):
        read_ct_series(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PixelSpacing": [1, 1]}, "PixelSpacing"),
        ({"ImageOrientationPatient": [0, 1, 0, 1, 0, 0]}, "ImageOrientationPatient"),
        ({"ImagePositionPatient": None}, "where it lies"),
    ],
)
def test_slices_that_do_not_fit_together_are_refused_by_name(tmp_path, changes, words):
    slices(tmp_path, [0, 1])
    write(tmp_path / "odd", np.zeros((5, 7), np.uint16), **({"ImagePositionPatient": [0, 0, 2]} | changes))
    with pytest.raises(ValueError, match=words) as told:
        read_ct_series(tmp_path)
    assert "odd" in str(told.value)


def test_an_empty_or_missing_folder_is_said(tmp_path):
    with pytest.raises(ValueError, match="expected DICOM files of a CT series, found none"):
        read_ct_series(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_ct_series(tmp_path / "nowhere")


def test_pixels_that_nothing_can_decompress_are_said_with_the_file(tmp_path):
    path = write(tmp_path / "short", np.zeros((4, 4), np.uint16))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="short: its pixels cannot be read"):
        read_ct_series(path)
