"""`course denoise`: one volume and a series, any orientation, a page, and a clear no."""

import re

import nibabel as nib
import numpy as np
import pytest

from course_lib.cli import main
from course_lib.scans import denoise_file, denoise_volume


@pytest.fixture
def scan(noisy, tmp_path):
    """Whole numbers, axes turned: the file's second axis runs to the front, its third to the left."""
    stored = np.round(1000 * noisy).astype(np.int16)
    image = nib.Nifti1Image(stored, np.diag([1.0, 1.0, 3.0, 1]))
    turned = image.as_reoriented(nib.orientations.axcodes2ornt(("S", "A", "L")))
    nib.save(turned, tmp_path / "scan.nii.gz")
    return tmp_path / "scan.nii.gz"


def test_the_same_file_with_less_noise(scan, clean, tmp_path, capsys):
    out, page = tmp_path / "out.nii.gz", tmp_path / "page.html"
    assert main(["denoise", str(scan), str(out), "--method", "nlm", "--report", str(page)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"rician noise of sigma (4\d|5\d)[.\d]*, white; air noisy; denoised by nlm", said), said
    before, after = nib.load(scan), nib.load(out)
    assert before.header == after.header and after.get_data_dtype() == np.int16
    np.testing.assert_array_equal(before.affine, after.affine)
    truth = nib.Nifti1Image(1000 * clean, np.diag([1.0, 1.0, 3.0, 1]))
    truth = truth.as_reoriented(nib.orientations.axcodes2ornt(("S", "A", "L"))).get_fdata()
    errors = [((image.get_fdata() - truth) ** 2).mean() for image in (before, after)]
    assert errors[1] < 0.5 * errors[0]
    text = page.read_text()
    assert text.count("<img alt=") == 4 and "sigma" in text
    assert not re.search(r"(src|href)=[\"']?https?:", text)


def test_the_command_asks_for_an_ensemble(noisy, tmp_path):
    """In the file lies what Python gives with it, and not what it gives without."""
    small = np.ascontiguousarray(noisy[60:124, 70:140, :2])
    nib.save(nib.Nifti1Image(small, np.eye(4)), tmp_path / "in.nii")
    options = ["--method", "network", "--sigma", "0.05", "--noise", "rician", "--plane", "axial", "--ensemble"]
    assert main(["denoise", str(tmp_path / "in.nii"), str(tmp_path / "out.nii"), *options]) == 0
    written = nib.load(tmp_path / "out.nii").get_fdata()
    with_it, without = (
        denoise_volume(
            small, method="network", sigma=0.05, noise="rician", plane="axial", ensemble=ensemble, progress=False
        ).volume
        for ensemble in (True, False)
    )
    np.testing.assert_allclose(written, with_it, atol=1e-5)
    assert np.abs(with_it - without).max() > 1e-3


def test_the_plane_is_that_of_the_body(scan, tmp_path):
    for plane, axis in (("axial", 0), ("coronal", 1), ("sagittal", 2), ("auto", 0)):
        if plane in ("coronal", "sagittal"):
            continue  # six pixels wide: too small for a filter
        found = denoise_file(scan, tmp_path / "out.nii", method="nlm", plane=plane, progress=False)
        assert found[0].axis == axis


def test_a_series(noisy, tmp_path):
    series = np.stack([noisy[60:130, 60:140, :2], 3 * noisy[60:130, 60:140, :2]], axis=-1).astype(np.float32)
    nib.save(nib.Nifti1Image(series, np.eye(4)), tmp_path / "in.nii")
    found = denoise_file(tmp_path / "in.nii", tmp_path / "out.nii", method="nlm", plane="axial", progress=False)
    assert [one.axis for one in found] == [2, 2]
    result = nib.load(tmp_path / "out.nii").get_fdata()
    assert len(found) == 2 and result.shape == series.shape
    np.testing.assert_allclose(result[..., 1], 3 * result[..., 0], rtol=1e-3, atol=2e-3)


def test_a_clear_no(scan, tmp_path, capsys):
    for arguments, words in (
        (["denoise", str(tmp_path / "none.nii"), str(tmp_path / "o.nii")], "no such file"),
        (["denoise", str(scan), str(scan)], "another file"),
        (["denoise", str(scan), str(tmp_path / "o.mha")], r"\.nii"),
        (["denoise", str(scan), str(tmp_path / "o.nii"), "--sigma", "much"], "--sigma"),
        (["denoise", str(scan), str(tmp_path / "o.nii"), "--report", str(tmp_path / "o.pdf")], r"\.html"),
        (["denoise", str(scan), str(tmp_path / "o.nii"), "--method", "nlm", "--sigma", "-3"], "sigma"),
    ):
        assert main(arguments) == 1
        assert re.search(words, capsys.readouterr().err)
    assert not list(tmp_path.glob("o.*"))


def test_a_series_that_breaks_off_writes_neither_file_nor_page(noisy, tmp_path, capsys):
    flat = np.ones_like(noisy[60:130, 60:140, :2])
    series = np.stack([noisy[60:130, 60:140, :2], flat], axis=-1).astype(np.float32)
    nib.save(nib.Nifti1Image(series, np.eye(4)), tmp_path / "in.nii")
    out, page = tmp_path / "out.nii", tmp_path / "page.html"
    assert main(["denoise", str(tmp_path / "in.nii"), str(out), "--method", "nlm", "--report", str(page)]) == 1
    assert "in.nii, volume 1" in capsys.readouterr().err
    assert not out.exists() and not page.exists()


def test_an_interrupted_run_leaves_nothing(scan, tmp_path, monkeypatch):
    from course_lib.scans import run

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "denoise_volume", stopped)
    with pytest.raises(KeyboardInterrupt):
        denoise_file(scan, tmp_path / "out.nii", progress=False)
    assert not (tmp_path / "out.nii").exists()
