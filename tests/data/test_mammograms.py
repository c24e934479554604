"""Synthetic mammograms: spectrum, spots and masks by their formulas; mini-MIAS from a made-up archive and a server."""

from __future__ import annotations

import http.server
import io
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib.data import download, fetch, sources
from course_lib.data.mammograms import (
    MINI_MIAS_SPLITS,
    SPOT_WIDTH,
    Finding,
    mini_mias,
    mini_mias_findings,
    synthetic_mammograms,
)

# --- synthetic


def test_shapes_types_and_ranges():
    made = synthetic_mammograms(3, 0, size=97)
    for stack in (made.images, made.backgrounds):
        assert stack.shape == (3, 1, 97, 97) and stack.dtype == torch.float32
        assert stack.min() >= 0 and stack.max() <= 1
    for masks in (made.masses, made.calcifications):
        assert masks.shape == (3, 1, 97, 97) and masks.dtype == torch.bool
    assert len(made) == len(made.positions) == len(made.contrasts) == 3 and made.seed == 0
    for positions, contrasts in zip(made.positions, made.contrasts, strict=True):
        assert positions.dtype == torch.int64 and positions.shape == (len(contrasts), 2)
        assert 5 <= len(positions) <= 10 and positions.min() >= 8 and positions.max() <= 88
        assert contrasts.dtype == torch.float32 and 0.15 <= contrasts.min() and contrasts.max() <= 0.25


@pytest.mark.parametrize("beta", [0, 2, 3.0, 4])
def test_spectrum_falls_as_asked(beta):
    """Slope of the mean periodogram (Hann window, against the jump at the border) over a decade of frequencies."""
    textures = synthetic_mammograms(16, 1, beta=beta, masses=0, clusters=0).images[:, 0].double().numpy()
    window = np.outer(np.hanning(128), np.hanning(128))
    power = (np.abs(np.fft.fft2((textures - textures.mean((1, 2), keepdims=True)) * window)) ** 2).mean(0)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128))
    used = (frequency > 0.03) & (frequency < 0.3)
    slope = np.polyfit(np.log(frequency[used]), np.log(power[used]), 1)[0]
    assert abs(slope + beta) < 0.12
    assert np.allclose(textures.mean((1, 2)), 0.45, atol=2e-3)
    assert np.allclose(textures.std((1, 2)), 0.10, atol=2e-3)


def test_spots_stand_where_they_are_said_to_and_as_high():
    made = synthetic_mammograms(6, 2, contrast=0.2)
    rows, columns = np.mgrid[:128, :128]
    for k in range(6):
        expected = np.zeros((128, 128))
        for (row, column), height in zip(made.positions[k].numpy(), made.contrasts[k].numpy(), strict=True):
            expected += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * SPOT_WIDTH**2))
        assert made.images[k].max() < 1, "nothing is clipped here"
        np.testing.assert_allclose((made.images - made.backgrounds)[k, 0].numpy(), expected, atol=1e-6)
        at = tuple(made.positions[k].T)
        marked = made.calcifications[k, 0]
        assert marked[at].all()
        # a tenth of the height is left at 0.8 sqrt(2 log 10) = 1.7 pixels: 3 x 3 of them lie nearer
        assert marked.sum() == 9 * len(made.positions[k])
        assert (expected[marked.numpy()] > 0.1 * 0.12).all() and expected[~marked.numpy()].max() < 0.1 * 0.2


@pytest.mark.parametrize(("size", "clusters"), [(64, 1), (64, 2), (128, 4)])
def test_spots_form_clusters_and_keep_apart(size, clusters):
    made = synthetic_mammograms(8, 3, size=size, clusters=clusters)
    for positions in made.positions:
        assert 5 * clusters <= len(positions) <= 10 * clusters
        gaps = torch.cdist(positions.double(), positions.double())
        assert gaps[~torch.eye(len(positions), dtype=bool)].min() >= 6
        if clusters == 1:
            assert gaps.max() <= 2 * 4 / 0.2, "within 4 mm of the centre"


def test_masses_are_smooth_bright_ellipses_of_the_size_said():
    with_mass, without = (synthetic_mammograms(30, 4, masses=number, clusters=0) for number in (1, 0))
    added = (with_mass.images - without.images)[:, 0].double()
    assert torch.equal(with_mass.masses[:, 0] & (added > 1e-6), added > 1e-6)
    assert added.min() > -1e-6
    for mass, inside in zip(added, with_mass.masses[:, 0], strict=True):
        assert 0.07 < mass.max() <= 0.16 + 1e-6
        assert np.pi * 10**2 * 0.9 < inside.sum() < np.pi * 22.5**2 * 1.02
        assert mass.diff(dim=0).abs().max() < 0.2 * mass.max(), "no step at the border"
    assert not without.masses.any() and not without.calcifications.any()


def test_without_clusters_there_are_none():
    made = synthetic_mammograms(2, 0, clusters=0)
    assert torch.equal(made.images, made.backgrounds)
    assert all(one.shape == (0, 2) for one in made.positions) and all(len(one) == 0 for one in made.contrasts)


def test_seed_decides_whatever_the_number_and_leaves_the_global_state_alone():
    state, other = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    few, more, others = (synthetic_mammograms(n, seed) for n, seed in ((2, 5), (4, 5), (2, 6)))
    assert torch.equal(few.images, more.images[:2]) and torch.equal(few.positions[1], more.positions[1])
    assert not torch.equal(few.images, others.images) and not torch.equal(few.images[0], few.images[1])
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(other, np.random.get_state()[1])  # noqa: NPY002


def test_spots_are_found_by_the_matched_filter_and_not_where_there_are_none():
    from course_lib.detection import spot, spot_detectability

    made = synthetic_mammograms(12, 7)
    generator = torch.Generator().manual_seed(0)
    present, absent = (
        images + 0.05 * torch.randn(images.shape, generator=generator) for images in (made.images, made.backgrounds)
    )
    found = spot_detectability(present, absent, made.positions, spot(SPOT_WIDTH))
    assert found.auc > 0.97 and abs(found.contrast - torch.cat(made.contrasts).mean()) < 0.03
    assert abs(spot_detectability(absent, absent, made.positions, spot(SPOT_WIDTH)).auc - 0.5) < 1e-9


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"n": 0}, ValueError, "n: expected at least 1"),
        ({"seed": -1}, ValueError, "seed: expected at least 0"),
        ({"size": 63}, ValueError, "size: expected at least 64"),
        ({"beta": 4.5}, ValueError, "beta: expected a number from 0 to 4"),
        ({"contrast": "high"}, TypeError, "contrast: expected a number"),
        ({"masses": -1}, ValueError, "masses: expected at least 0"),
        (
            {"size": 64, "clusters": 3},
            ValueError,
            "expected at most 2, for which a size of 64 has room, got 3",
        ),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        synthetic_mammograms(**({"n": 1, "seed": 0} | arguments))


# --- mini-MIAS

INFO = """INFORMATION ON FILES

mdb001 G CIRC B 535 425 197
mdb002 G CIRC B 522 280 69
mdb003 D NORM
mdb059 F CIRC B
mdb216 D CALC M *NOTE 3*
mdb219 G CALC B 546 756 29
"""


def pgm(number: int, comment: bytes = b"") -> bytes:
    """A picture whose left 600 columns are breast of brightness `number`, the rest air."""
    pixels = np.zeros((1024, 1024), np.uint8)
    pixels[:, :600] = number
    return b"P5\n" + comment + b"1024 1024\n255\n" + pixels.tobytes()


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


# women 50 (pictures 99, 100), 49 (97, 98) and two more
PICTURES = {f"all-mias/mdb{number:03}.pgm": pgm(number) for number in (100, 99, 97, 98, 101, 102, 103)}


@pytest.fixture
def offer(monkeypatch, tmp_path):
    """Puts an archive into the data folder, as a person would."""
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))

    def put(files: dict[str, bytes]) -> None:
        (tmp_path / "all-mias.tar.gz").write_bytes(archive(files))

    return put


def test_patches_by_woman(offer):
    offer(PICTURES | {"all-mias/Info.txt": INFO.encode(), "all-mias/README": b"x"})
    seen = {}
    for split in MINI_MIAS_SPLITS:
        patches = mini_mias(split, count=8, size=96)
        assert patches.shape == (8, 1, 96, 96) and patches.dtype == torch.float32
        assert ((patches > 0.1).float().mean((1, 2, 3)) >= 0.5).all()
        seen[split] = sorted({round(255 * float(patch.max())) for patch in patches})
    assert seen == {"train": [101, 102, 103], "validation": [97, 98], "test": [99, 100]}
    few = mini_mias("test", count=1, size=96)
    assert torch.equal(few, mini_mias("test", count=8, size=96)[:1])
    assert not torch.equal(mini_mias(count=8, seed=1), mini_mias(count=8, seed=2))


def test_no_woman_is_in_two_splits():
    ends = [end for group in MINI_MIAS_SPLITS.values() for end in group]
    assert sorted(ends) == list(range(10))


def test_empty_pictures_and_comments(offer):
    offer({"mdb099.pgm": pgm(5, b"# by a scanner\n")})
    patches = mini_mias("test", count=2, size=64)
    assert 0 < patches.max() <= 5 / 255 + 1e-6, "too dark for half a breast: the brightest patch is taken"


def test_findings(offer):
    offer({"README": b"", "Info.txt": INFO.encode()})
    assert mini_mias_findings() == [
        Finding(1, "G", "CIRC", "B", 1023 - 425, 535, 197),
        Finding(2, "G", "CIRC", "B", 1023 - 280, 522, 69),
        Finding(3, "D", "NORM"),
        Finding(59, "F", "CIRC", "B"),
        Finding(216, "D", "CALC", "M"),
        Finding(219, "G", "CALC", "B", 1023 - 756, 546, 29),
    ]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README": b""}, "expected pictures mdb001.pgm to mdb322.pgm, found none for test"),
        ({"mdb099.pgm": b"P2\n1024 1024\n255\n0 0"}, "mdb099.pgm: expected a binary PGM picture"),
        ({"mdb099.pgm": b"P5\n512 1024\n255\n"}, "1024x1024"),
        ({"mdb099.pgm": pgm(99)[:-1]}, "expected 1048576 pixels, got 1048575"),
    ],
)
def test_another_archive_is_refused(offer, files, words):
    offer(files)
    with pytest.raises(ValueError, match=words):
        mini_mias("test", count=1)
    with pytest.raises(ValueError, match="expected the list Info.txt in it, found none"):
        mini_mias_findings()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"split": "tset"}, ValueError, "one of train, validation, test, got 'tset'"),
        ({"count": 0}, ValueError, "count: expected at least 1"),
        ({"size": 257}, ValueError, "size: expected at most 256, got 257"),
        ({"seed": None}, TypeError, "seed: expected a whole number"),
    ],
)
def test_bad_arguments_for_mini_mias(arguments, error, words):
    with pytest.raises(error, match=words):
        mini_mias(**arguments)


def test_it_is_downloaded_and_said_to_be_unverified(monkeypatch, tmp_path, capfd):
    content = archive({"mdb099.pgm": pgm(200)})

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "WAITS", ())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/all-mias.tar.gz"
        monkeypatch.setattr(sources, "SOURCES", (replace(sources.find("mini_mias"), urls=(url,)),))
        assert mini_mias("test", count=1, folder=tmp_path).max() == 200 / 255
        server.shutdown()
    assert "UNVERIFIED" in capfd.readouterr().err
    assert (tmp_path / "all-mias.tar.gz").read_bytes() == content


def test_without_a_network_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(download, "WAITS", ())
    source = replace(sources.find("mini_mias"), urls=("http://nowhere.invalid/x",))
    monkeypatch.setattr(sources, "SOURCES", (source,))
    with pytest.raises(fetch.DataUnavailable, match=r"synthetic_mammograms\(\.\.\.\)"):
        mini_mias(folder=tmp_path)
