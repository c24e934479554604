"""X-ray patches: where they come from, what is kept apart, MedMNIST+ from a server on this machine, the rebuilding."""

from __future__ import annotations

import hashlib
import http.server
import io
import struct
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.data import download, fetch, sources
from course_lib.data.xray import radiograph, xrays

# --- embedded


@pytest.mark.parametrize(("name", "size"), [("chest", (953, 904)), ("limb", (880, 364))])
def test_whole_radiographs(name, size):
    picture = radiograph(name)
    assert picture.shape == (1, 1, *size) and picture.dtype == torch.float32
    assert (picture.min(), picture.max()) == (0, 1)
    assert torch.equal((picture * 255).round() / 255, picture)


def test_bone_is_bright_and_air_dark():
    chest, limb = radiograph("chest")[0, 0], radiograph("limb")[0, 0]
    spine, lung = chest[700:800, 420:480].mean(), chest[230:270, 170:230].mean()
    assert spine > lung + 0.2
    shin, muscle, air = limb[300:400, 160:200].mean(), limb[100:200, 80:130].mean(), limb[300:400, 20:60].mean()
    assert shin > muscle + 0.1 > air + 0.2


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("size", [8, 41, 64, 180, 184])
def test_patches(split, size):
    patches = xrays(split, count=3, size=size)
    assert patches.shape == (3, 1, size, size) and patches.dtype == torch.float32
    assert patches.min() >= 0 and patches.max() <= 1 and patches.std() > 0.01
    assert ((patches >= 0.098).float().mean((1, 2, 3)) >= 0.5).all(), "at least half of each is body"


def places(patches: torch.Tensor, picture: torch.Tensor) -> list[list[tuple[int, int]]]:
    """Where each patch lies in the picture, by comparing every place."""
    size = patches.shape[-1]
    windows = picture[0, 0].unfold(0, size, 1).unfold(1, size, 1)
    found = []
    for patch in patches[:, 0]:
        corners = windows[..., 0, 0] == patch[0, 0]
        for row, column in ((size // 2, size // 3), (3, size - 1), (size - 1, 0)):
            corners = corners & (windows[..., row, column] == patch[row, column])
        rest = [(i, j) for i, j in corners.nonzero().tolist() if torch.equal(windows[i, j], patch)]
        found.append(rest)
    return found


def test_training_and_validation_share_no_pixel_and_the_test_is_another_picture():
    chest, limb = radiograph("chest"), radiograph("limb")
    train, validation = places(xrays(count=20, size=48), chest), places(xrays("validation", count=20, size=48), chest)
    assert all(len(at) == 1 for at in train + validation)
    assert max(at[0][1] for at in train) + 48 <= 720 <= min(at[0][1] for at in validation)
    tiles = places(xrays("test", size=48), limb)
    assert all(len(at) == 1 for at in tiles)
    corners = [at[0] for at in tiles]
    assert len({row % 48 for row, _ in corners}) == len({column % 48 for _, column in corners}) == 1, "side by side"
    assert corners == sorted(set(corners))


def test_training_patches_come_from_everywhere():
    corners = np.array([at[0] for at in places(xrays(count=60, size=64, seed=3), radiograph("chest"))])
    # uniform places: means near the middle, within 4 standard errors
    for values, largest in zip(corners.T, (953 - 64, 720 - 64), strict=True):
        assert abs(values.mean() - largest / 2) < 4 * largest / np.sqrt(12 * 60)


def test_counts():
    assert len(xrays()) == 512 and len(xrays("validation")) == 64
    assert torch.equal(xrays(count=5), xrays(count=9)[:5])
    everything = xrays("test", size=128)
    assert 4 <= len(everything) <= 12
    some = xrays("test", count=3, size=128)
    rows = [next(k for k, tile in enumerate(everything) if torch.equal(tile, one)) for one in some]
    assert rows == sorted(set(rows))


def test_seed_decides_and_leaves_the_global_state_alone():
    state, other = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    assert torch.equal(xrays(count=8, seed=2), xrays(count=8, seed=2))
    assert not torch.equal(xrays(count=8, seed=2), xrays(count=8, seed=1))
    assert not torch.equal(xrays("test", count=8, seed=2), xrays("test", count=8, seed=1))
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(other, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"split": "tset"}, ValueError, "train, validation, test, got 'tset'"),
        ({"source": "mnist"}, ValueError, "embedded, chestmnist, pneumoniamnist, got 'mnist'"),
        ({"count": 0}, ValueError, "count: expected at least 1"),
        ({"count": 2.5}, TypeError, "count: expected a whole number"),
        ({"size": 7}, ValueError, "size: expected at least 8"),
        ({"size": 185}, ValueError, "at most 184 with source='embedded', got 185"),
        ({"size": 129, "source": "chestmnist"}, ValueError, "at most 128 with source='chestmnist'"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"split": "test", "count": 999}, ValueError, "test patches of size 64: they lie side by side .* got 999"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        xrays(**arguments)


def test_unknown_radiograph():
    with pytest.raises(ValueError, match="one of chest, limb, got 'skull'"):
        radiograph("skull")


# --- MedMNIST+


def packed(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@pytest.fixture
def medmnist(monkeypatch, tmp_path):
    """A server that has a small chestmnist_128, its pictures, and how often it was asked."""
    rng = np.random.default_rng(0)
    counts = {"train_images": 40, "val_images": 11, "test_images": 13}
    arrays = {name: rng.integers(0, 256, (count, 128, 128), dtype=np.uint8) for name, count in counts.items()}
    content, asked = packed(**arrays, train_labels=np.zeros((40, 14))), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(download, "WAITS", ())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/chestmnist_128.npz"
        source = replace(sources.find("chestmnist_128"), urls=(url,), hash="md5:" + hashlib.md5(content).hexdigest())
        monkeypatch.setattr(sources, "SOURCES", (source,))
        yield arrays, asked
        server.shutdown()


@pytest.mark.parametrize(
    ("split", "member"), [("train", "train_images"), ("validation", "val_images"), ("test", "test_images")]
)
def test_medmnist_is_downloaded_once_and_has_its_own_splits(medmnist, split, member):
    arrays, asked = medmnist
    everything = xrays(split, source="chestmnist", size=128)
    assert torch.equal((everything[:, 0] * 255).round().byte(), torch.from_numpy(arrays[member]))
    some = (xrays(split, source="chestmnist", count=7, size=128, seed=4)[:, 0] * 255).round().byte().numpy()
    rows = [next(k for k, picture in enumerate(arrays[member]) if (picture == one).all()) for one in some]
    assert rows == sorted(set(rows)) and rows != list(range(7))
    assert len(asked) == 1
    with pytest.raises(ValueError, match=rf"at most {len(arrays[member])} {split} patches of chestmnist_128, got 99"):
        xrays(split, source="chestmnist", count=99)


def test_crops_of_medmnist_lie_inside_their_picture(medmnist):
    arrays, _ = medmnist
    crops = xrays("test", source="chestmnist", size=50)
    corners = [places(crop[None], torch.from_numpy(whole)[None, None] / 255)
               for crop, whole in zip(crops, arrays["test_images"], strict=True)]  # fmt: skip
    assert all(len(at[0]) == 1 for at in corners) and len({at[0][0] for at in corners}) > 10


def test_a_file_of_another_kind_is_refused(monkeypatch, tmp_path):
    content = packed(train_images=np.zeros((3, 28, 28), np.uint8))
    (tmp_path / "pneumoniamnist_128.npz").write_bytes(content)
    source = replace(sources.find("pneumoniamnist_128"), hash="md5:" + hashlib.md5(content).hexdigest())
    monkeypatch.setattr(sources, "SOURCES", (source,))
    with pytest.raises(ValueError, match=r"expected pictures as uint8 \(N, 128, 128\), got uint8 \(3, 28, 28\)"):
        xrays(source="pneumoniamnist", folder=tmp_path)


def test_without_a_network_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "WAITS", ())
    source = replace(sources.find("pneumoniamnist_128"), urls=("http://nowhere.invalid/x",))
    monkeypatch.setattr(sources, "SOURCES", (source,))
    with pytest.raises(fetch.DataUnavailable, match=r"xrays\(\.\.\.\) cuts patches from the embedded chest"):
        xrays(source="pneumoniamnist", folder=tmp_path)


# --- the script that rebuilds the sample


@pytest.fixture(scope="module")
def script(load_script):
    return load_script("make_samples")


def dicom(pixels: np.ndarray) -> bytes:
    return b"header" * 20 + b"\xe0\x7f\x10\x00OW\x00\x00" + struct.pack("<I", pixels.nbytes) + pixels.tobytes() + b"end"


def test_script_cuts_averages_and_turns(script):
    pixels = np.random.default_rng(1).integers(0, 1024, (11, 9)).astype("<u2")
    picture = script.radiograph(dicom(pixels), (11, 9), (slice(1, 10), slice(0, 8)))
    means = np.array([[pixels[1 + 2 * i : 3 + 2 * i, 2 * j : 2 * j + 2].mean() for j in range(4)] for i in range(4)])
    expected = 255 * (means.max() - means) / (means.max() - means.min())
    assert picture.dtype == np.uint8 and np.abs(picture - expected).max() <= 0.5 + 1e-9
    with pytest.raises(SystemExit, match=r"expected the pixels of one picture of \(11, 8\), found 0"):
        script.radiograph(dicom(pixels), (11, 8), (slice(None), slice(None)))


def test_script_takes_only_the_genuine_files(script, tmp_path):
    (tmp_path / "RG1_UNCR.dcm").write_bytes(dicom(np.zeros((4, 4), "<u2")))
    with pytest.raises(SystemExit, match="RG1_UNCR.dcm is not the genuine file"):
        script.radiographs(tmp_path)
