"""The digits: genuine, balanced, nested, exact; and MNIST in full from a server on this machine."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.data import digits, download, fetch, sources


@pytest.mark.parametrize(("split", "size"), [("train", 6000), ("test", 1000)])
def test_shape_type_and_range(split, size):
    images, labels = digits(split)
    assert images.shape == (size, 1, 28, 28) and images.dtype == torch.float32
    assert labels.shape == (size,) and labels.dtype == torch.int64
    assert (images.min(), images.max()) == (0, 1)
    # bytes divided by 255, nothing else
    assert torch.equal((images * 255).round() / 255, images)
    assert labels.bincount().tolist() == [size // 10] * 10


def test_genuine():
    """The first test digit of each class, hashed from the original file; the published mean and deviation."""
    images, labels = digits("test", seed=0)
    originals = {hashlib.md5((image * 255).round().byte().numpy().tobytes()).hexdigest() for image in images}
    assert set(FIRST_OF_CLASS) <= originals
    images, _ = digits("train")
    assert abs(images.mean() - 0.1307) < 0.002 and abs(images.std() - 0.3081) < 0.002


FIRST_OF_CLASS = (
    "064458e37999c97a754a16ad6325cb62",
    "3c718183e037b93c1f11aeb75d10855d",
    "106efcb2e4be1a5922ada523b9e6efb2",
    "0fda4d35146d65013c877ec5533fbe15",
    "8b27fa1cbe77d9f1f80b9df9746ee24e",
    "e4308f458f28bba6369d0327bd94effb",
    "f5867f01bd2794c79538cb95b8340f83",
    "1081cd3611ed4bea23c5769d20d414e5",
    "f394df59e65c424cdd258dbc5d6da94d",
    "41ef5680f6d24d9c569c7ca921dbc5d2",
)


@pytest.mark.parametrize("count", [1, 7, 10, 50, 99, 1000])
@pytest.mark.parametrize("seed", [0, 3])
def test_counts_are_balanced_and_nested(count, seed):
    images, labels = digits("test", count=count, seed=seed)
    everything, every_label = digits("test", seed=seed)
    assert len(images) == len(labels) == count
    assert torch.equal(images, everything[:count]) and torch.equal(labels, every_label[:count])
    per_class = labels.bincount(minlength=10)
    assert per_class.max() - per_class.min() <= 1


def test_no_digit_comes_twice():
    images, _ = digits("train")
    assert len(images.flatten(1).unique(dim=0)) == len(images)


def test_train_and_test_share_no_digit():
    both = torch.cat([digits("train")[0], digits("test")[0]]).flatten(1)
    assert len(both.unique(dim=0)) == len(both)


def test_labels_belong_to_their_images():
    """The nearest mean of a class names most test digits; with shuffled labels it would name a tenth."""
    images, labels = digits("train")
    means = torch.stack([images[labels == digit].mean(dim=0).flatten() for digit in range(10)])
    images, labels = digits("test")
    assert (torch.cdist(images.flatten(1), means).argmin(dim=1) == labels).float().mean() > 0.75


def test_seed_decides_and_leaves_the_global_state_alone():
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (digits(count=100, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_result_is_the_callers_own():
    images, labels = digits(count=10)
    images.zero_()
    labels.zero_()
    assert digits(count=10)[0].max() == 1 and digits(count=10)[1].max() == 9


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"split": "validation"}, ValueError, "'train' or 'test', got 'validation'"),
        ({"count": 0}, ValueError, "at least 1, got 0"),
        ({"count": 6001}, ValueError, "at most 6000 train digits, got 6001; full=True"),
        ({"split": "test", "count": 1001}, ValueError, "at most 1000 test digits"),
        ({"count": 1.5}, TypeError, "whole number, got 1.5"),
        ({"count": True}, TypeError, "whole number, got True"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"seed": None}, TypeError, "seed: expected a whole number"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        digits(**arguments)


def test_counts_may_be_numpy_integers():
    assert len(digits(count=np.int64(20))[0]) == 20


# --- all of MNIST: four small files of the same format in its place


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


@pytest.fixture
def mnist(tmp_path, monkeypatch):
    """A stand-in for MNIST: 25 training and 13 test digits of unequal classes, and their folder."""
    from torchvision.datasets import MNIST

    rng = np.random.default_rng(0)
    arrays, table, resources = {}, [], []
    for stem, name, count in (("train", "train", 25), ("t10k", "test", 13)):
        images, labels = rng.integers(0, 256, (count, 28, 28)), np.sort(rng.integers(0, 10, count))
        arrays[name] = images, labels
        for kind, array, number in (("images", images, 3), ("labels", labels, 1)):
            file, content = f"{stem}-{kind}-idx{number}-ubyte.gz", idx(array)
            source = sources.find(f"mnist_{name}_{kind}")
            assert source.filename == f"MNIST/raw/{file}"
            md5 = hashlib.md5(content).hexdigest()
            table.append(replace(source, hash=f"md5:{md5}", urls=("http://nowhere.invalid/x",)))
            resources.append((file, md5))
            path = tmp_path / source.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    monkeypatch.setattr(sources, "SOURCES", tuple(table))
    monkeypatch.setattr(MNIST, "resources", resources)
    monkeypatch.setattr(download, "WAITS", ())
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path, arrays


@pytest.mark.parametrize("split", ["train", "test"])
def test_full(mnist, split):
    folder, arrays = mnist
    images, labels = digits(split, full=True, folder=folder)
    originals, names = arrays[split]
    assert images.shape == (len(names), 1, 28, 28) and images.dtype == torch.float32
    assert labels.bincount(minlength=10).tolist() == np.bincount(names, minlength=10).tolist()
    expected = {(original.astype(np.uint8).tobytes(), name) for original, name in zip(originals, names, strict=True)}
    bytes_of = [(image * 255).round().byte().numpy().tobytes() for image in images]
    assert set(zip(bytes_of, labels.tolist(), strict=True)) == expected
    present = len(np.unique(names))
    assert labels[:present].tolist() == np.unique(names).tolist(), "the first round has each class once"
    with pytest.raises(ValueError, match=f"at most {len(names)} {split} digits, got 999$"):
        digits(split, full=True, folder=folder, count=999)


def test_full_is_read_from_the_folder_of_the_course(mnist, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(mnist[0]))
    assert len(digits("test", full=True, count=5)[0]) == 5


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"])
def test_interrupted_unpacking_is_repaired(mnist, file):
    folder, _ = mnist
    expected = digits("train", full=True, folder=folder)
    unpacked = folder / "MNIST/raw" / file
    for damaged in (unpacked.read_bytes()[:-100] if "images" in file else b"", b""):
        unpacked.write_bytes(damaged)
        again = digits("train", full=True, folder=folder)
        assert all(torch.equal(one, other) for one, other in zip(expected, again, strict=True))


def test_images_and_labels_must_agree(mnist):
    folder, arrays = mnist
    digits("test", full=True, folder=folder)
    labels = gzip.decompress(idx(arrays["test"][1][:-1]))
    (folder / "MNIST/raw/t10k-labels-idx1-ubyte").write_bytes(labels)
    assert len(digits("test", full=True, folder=folder)[1]) == 13, "unpacked anew"


def test_unreachable_says_what_to_do(mnist):
    folder, _ = mnist
    (folder / "MNIST/raw/train-images-idx3-ubyte.gz").unlink()
    with pytest.raises(fetch.DataUnavailable, match="embedded 6000 train and 1000 test digits"):
        digits(full=True, folder=folder)


def test_unpacking_that_fails_says_what_to_do(mnist, monkeypatch):
    from torchvision.datasets import MNIST

    def full_disk(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(MNIST, "download", full_disk)
    with pytest.raises(fetch.DataUnavailable, match="(?s)No space left.*without full=True"):
        digits(full=True, folder=mnist[0])


# --- the script that rebuilds the samples


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("make_samples")


def test_script_packs_the_same_bytes_every_time(script, tmp_path):
    with np.load(sources.SAMPLES / "mnist_subset.npz") as file:
        arrays = {name: file[name] for name in ("test_images", "test_labels")}
    again = script.npz(arrays)
    assert again == script.npz(arrays)
    kept = script.contents("x.npz", (sources.SAMPLES / "mnist_subset.npz").read_bytes())
    assert script.contents("x.npz", again).items() <= kept.items()
    (tmp_path / "x.npz").write_bytes(again)
    assert {entry.date_time[0] for entry in zipfile.ZipFile(tmp_path / "x.npz").infolist()} == {1980}


def test_script_refuses_what_is_not_genuine(script, tmp_path):
    with pytest.raises(SystemExit, match="expected one ch2.nii.gz"):
        script.genuine(tmp_path, "ch2.nii.gz")
    (tmp_path / "ch2.nii.gz").write_bytes((sources.SAMPLES / "colin27_t1.nii.gz").read_bytes())
    assert hashlib.sha256(script.genuine(tmp_path, "ch2.nii.gz")).hexdigest() == sources.EMBEDDED[1].sha256
    (tmp_path / "ch2.nii.gz").write_bytes(b"another file")
    with pytest.raises(SystemExit, match="not the genuine file"):
        script.genuine(tmp_path, "ch2.nii.gz")


def test_script_check_sees_a_difference(script, tmp_path, capsys):
    arrays = {"a": np.arange(9)}
    (tmp_path / "same.npz").write_bytes(script.npz(arrays))
    (tmp_path / "other.npz").write_bytes(script.npz({"a": np.arange(10)}))
    np.savez_compressed(tmp_path / "repacked.npz", **arrays)
    assert script.check({"same.npz": script.npz(arrays)}, tmp_path)
    assert script.check({"repacked.npz": script.npz(arrays)}, tmp_path)
    assert not script.check({"other.npz": script.npz(arrays)}, tmp_path)
    assert not script.check({"missing.npz": script.npz(arrays)}, tmp_path)
    out = capsys.readouterr().out
    assert "byte for byte" in out and "zlib" in out and "DIFFERS" in out and "MISSING" in out
