"""Downloads: resumed, verified, refused, and explained, against a real HTTP server on this machine."""

from __future__ import annotations

import errno
import hashlib
import http.server
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from course_lib.data import commands, download, fetch, sources

CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_001, dtype=np.uint8).tobytes()
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
ANY = sources.find("chestmnist_128")


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` at every address; what it does wrong is set by the tests.

    cuts: after how many bytes of the body the connection of the next requests is cut.   ranges: knows Range?
    status: answer with this error.   shift: begin a range so many bytes too late.   announce: send a length?
    pause: seconds between chunks.   gate: bodies wait for it.
    asked: the Range header of every request.   sent: bytes of bodies sent.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cuts, self.ranges, self.status = CONTENT, [], True, 0
        self.shift, self.announce, self.pause = 0, True, 0.0
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[str | None] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"

    def handle_error(self, *_) -> None:
        """A client that leaves early is part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_) -> None:
        pass

    def do_GET(self) -> None:
        server, content = self.server, self.server.content
        server.asked.append(self.headers["Range"])
        if server.status:
            return self.send_error(server.status)
        start = 0
        if self.headers["Range"] and server.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            start += server.shift
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.announce:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        server.gate.wait()
        cut = server.cuts.pop(0) if server.cuts else len(content)
        body = content[start : start + cut]
        for first in range(0, len(body), 1 << 17):
            piece = body[first : first + (1 << 17)]
            self.wfile.write(piece)
            server.sent += len(piece)
            time.sleep(server.pause)
        self.close_connection = True


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01, 0.01))
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def offer(server, monkeypatch):
    """Puts one source in place of the table; keyword arguments change its fields."""

    def put(**changes) -> sources.Source:
        source = replace(
            ANY,
            **({"name": "test", "urls": (server.url,), "filename": "sub/file.bin", "hash": MD5} | changes),
        )
        monkeypatch.setattr(sources, "SOURCES", (source,))
        monkeypatch.setattr(fetch, "SOURCES", (source,))
        return source

    put()
    return put


def get(folder: Path) -> Path:
    return fetch.fetch("test", folder=folder, progress=False)


def refused(folder: Path) -> str:
    """The message of the failure, after looking that nothing pretends to be the file."""
    with pytest.raises(fetch.DataUnavailable) as caught:
        get(folder)
    assert not (folder / "sub/file.bin").exists()
    assert not list(folder.rglob("tmp*")), "a temporary file was left behind"
    message = str(caught.value)
    for part in (
        "Wanted:",
        "Why not:",
        "offline:",
        "course data fetch test",
        "by hand: save http",
        "COURSE_DATA",
    ):
        assert part in message
    return message


def part(folder: Path, content: bytes | None = None) -> Path:
    path = folder / "sub/file.bin.part"
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


# --- what should happen


@pytest.mark.parametrize(
    "known", [MD5, f"sha256:{SHA256}", f"sha256-prefix:{SHA256[:8]}"], ids=["md5", "sha256", "prefix"]
)
def test_downloads_once_and_keeps_only_the_file(server, offer, tmp_path, capfd, known):
    offer(hash=known, size=len(CONTENT))
    path = get(tmp_path)
    assert path == tmp_path / "sub/file.bin" == fetch.where("test", folder=tmp_path)
    assert path.read_bytes() == CONTENT
    assert get(tmp_path) == path
    assert server.asked == [None]
    assert {file.name for file in path.parent.iterdir()} - {"file.bin.lock"} == {"file.bin"}
    assert capfd.readouterr() == ("", ""), "progress=False is silent"


def test_progress_goes_to_stderr(server, offer, tmp_path, capfd):
    server.cuts = [1000]
    fetch.fetch("test", folder=tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    assert "file.bin" in err and "%|" in err and "the connection broke; trying again in 0.01 s" in err


def test_a_file_put_there_by_hand_is_taken_without_lock_or_server(server, offer, tmp_path):
    part(tmp_path, b"").with_name("file.bin").write_bytes(CONTENT)
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked == [] and not list(tmp_path.rglob("*.lock"))


def test_a_damaged_file_is_replaced(server, offer, tmp_path, capfd):
    part(tmp_path, b"").with_name("file.bin").write_bytes(CONTENT[:-1])
    part(tmp_path).unlink()
    assert fetch.fetch("test", folder=tmp_path).read_bytes() == CONTENT
    assert "wrong hash: it is deleted and downloaded again" in capfd.readouterr().err


def test_unverified_says_so_loudly_and_never_builds_on_old_bytes(server, offer, tmp_path, capfd):
    offer(hash=None)
    part(tmp_path, b"of another file")
    assert get(tmp_path).read_bytes() == CONTENT
    err = capfd.readouterr().err
    assert "UNVERIFIED" in err and SHA256 in err
    assert server.asked == [None]
    assert get(tmp_path).read_bytes() == CONTENT and len(server.asked) == 1


def test_the_second_address_serves_where_the_first_does_not(server, offer, tmp_path):
    closed = f"http://127.0.0.1:{free_port()}/file.bin"
    offer(urls=(closed, server.url))
    assert get(tmp_path).read_bytes() == CONTENT


def test_pooch_keeps_its_voice(server, offer, tmp_path):
    import pooch

    before = pooch.get_logger().level
    get(tmp_path)
    assert pooch.get_logger().level == before


# --- interrupted


def test_interrupted_download_is_resumed(server, offer, tmp_path):
    server.cuts = [1_000_000, 700_000]
    assert get(tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 3
    assert server.asked[0] is None
    assert all(re.fullmatch(r"bytes=[1-9]\d*-", asked) for asked in server.asked[1:])
    assert server.sent < 1.5 * len(CONTENT)


def test_many_cuts_are_survived_as_long_as_bytes_arrive(server, offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS", 1 << 17)
    server.cuts = [400_000] * 7  # more cuts than attempts
    assert get(tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 8 and server.sent < 1.5 * len(CONTENT)


def test_a_server_that_brings_nothing_more_is_given_up(server, offer, tmp_path):
    server.cuts, server.ranges = [2_000_000] * 9, False
    assert "the connection broke" in refused(tmp_path)
    assert 4 <= len(server.asked) <= 5


def test_a_later_call_goes_on(server, offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WAITS", ())
    server.cuts = [1_500_000]
    assert "the connection broke" in refused(tmp_path)
    kept = part(tmp_path).stat().st_size
    assert 0 < kept <= 1_500_000
    row = fetch.listing(folder=tmp_path)[0]
    assert (row["here"], row["partial"]) == (False, kept)
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={kept}-"]
    assert server.sent < 1.5 * len(CONTENT)


def test_a_killed_process_is_resumed(server, offer, tmp_path):
    server.pause = 0.05
    process = subprocess.Popen([sys.executable, "-c", child(server, tmp_path)], stderr=subprocess.DEVNULL)
    while not (part(tmp_path).exists() and part(tmp_path).stat().st_size > 500_000):
        assert process.poll() is None, "the process ended too early"
        time.sleep(0.01)
    process.kill()
    process.wait()
    server.pause = 0.0
    kept = part(tmp_path).stat().st_size
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={kept}-"


def test_without_range_it_starts_over(server, offer, tmp_path):
    server.ranges, server.cuts = False, [1_000_000]
    assert get(tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 2 and server.asked[1] is not None
    # the server counts a piece of 131,072 bytes after it is sent, when the client may have read it and gone on
    assert server.sent >= len(CONTENT) + 1_000_000 - 2 * (1 << 17)


def test_a_range_that_begins_elsewhere_is_not_appended(server, offer, tmp_path):
    server.shift = 7
    part(tmp_path, CONTENT[:1000])
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]


def test_whole_part_is_taken(server, offer, tmp_path):
    part(tmp_path, CONTENT)
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT)}-"] and server.sent == 0


def test_part_that_is_too_long_is_dropped(server, offer, tmp_path):
    part(tmp_path, CONTENT + b"more")
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT) + 4}-", None]


def test_part_of_another_version_is_dropped(server, offer, tmp_path, capfd):
    part(tmp_path, b"x" * 1000)
    assert fetch.fetch("test", folder=tmp_path).read_bytes() == CONTENT
    assert server.asked == ["bytes=1000-", None]
    assert "starting over" in capfd.readouterr().err


def test_short_without_length_is_noticed_where_the_size_is_known(server, offer, tmp_path):
    offer(size=len(CONTENT))
    server.announce, server.ranges, server.cuts = False, False, [1000]
    assert get(tmp_path).read_bytes() == CONTENT
    assert len(server.asked) == 2


# --- refused


@pytest.mark.parametrize(
    "known",
    ["md5:" + "0" * 32, "sha256:" + "0" * 64, "sha256-prefix:00000000"],
    ids=["md5", "sha256", "prefix"],
)
def test_wrong_hash_is_refused_and_not_kept(server, offer, tmp_path, known):
    offer(hash=known)
    message = refused(tmp_path)
    assert "wrong hash" in message and known.partition(":")[2] in message and "not kept" in message
    assert not part(tmp_path).exists()
    assert server.asked == [None], "the same bytes would come again"


def test_wrong_hash_after_cuts_ends_too(server, offer, tmp_path):
    offer(hash="md5:" + "0" * 32)
    server.cuts = [1_000_000, 3_000_000, 1_000_000, 3_000_000]
    assert "wrong hash" in refused(tmp_path)
    assert len(server.asked) == 4 and not part(tmp_path).exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_server_down(offer, tmp_path):
    offer(urls=(f"http://127.0.0.1:{free_port()}/file.bin",))
    assert "the server is down (connection refused)" in refused(tmp_path)


def test_no_network_is_said_at_once(offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WAITS", (60,))
    offer(urls=("http://nowhere.invalid/file.bin",))
    start = time.monotonic()
    assert "no network" in refused(tmp_path)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (500, 4), (429, 4)])
def test_error_answers(server, offer, tmp_path, status, requests):
    server.status = status
    assert f"the server answered {status}" in refused(tmp_path)
    assert len(server.asked) == requests, "only what may pass is asked again"


def test_malformed_address_is_not_tried_again(offer, tmp_path):
    offer(urls=("http://",))
    assert "Invalid URL" in refused(tmp_path)


def test_silent_server(server, offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", (0.2, 0.2))
    monkeypatch.setattr(download, "WAITS", ())
    server.pause = 1.0
    assert "did not answer in time" in refused(tmp_path)


def test_folder_that_cannot_be_used(server, offer, tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(fetch.DataUnavailable, match="cannot be used") as caught:
        get(tmp_path / "taken")
    assert "COURSE_DATA" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("mnist", "mnist_train_images"),
        ("IXI-T1", "ixi_t1"),
        ("resnet", "resnet18"),
        ("vgg61", "vgg16"),
        ("", "known names"),
    ],
)
def test_unknown_name_suggests_near_ones(name, suggested):
    with pytest.raises(ValueError, match=suggested):
        fetch.fetch(name)


# --- the disk


def test_disk_full_while_writing(server, offer, tmp_path, monkeypatch):
    real, room = download._write, 1_000_000

    def write(file, data):
        left = room - file.tell()
        if left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(file, data[:left])  # a short write comes first, as on a real disk

    monkeypatch.setattr(download, "_write", write)
    message = refused(tmp_path)
    assert "the disk is full" in message and f"{room:,} bytes received are kept in" in message
    assert len(server.asked) == 1, "another attempt would not make room"
    assert part(tmp_path).read_bytes() == CONTENT[:room]
    monkeypatch.setattr(download, "_write", real)
    assert get(tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={room}-"


def test_disk_too_full_is_known_before(server, offer, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    message = refused(tmp_path)
    assert "too full" in message and f"{len(CONTENT):,}" in message and "1,000 are free" in message
    assert not part(tmp_path).exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting a small disk needs root")
def test_small_disk_fills_up(server, offer, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("this container may not mount")
    try:
        server.announce = False  # so that only writing shows how much comes
        assert "the disk is full" in refused(disk)
        server.announce = True
        assert "too full" in refused(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EDQUOT, "the disk is full"),
        (errno.ENETUNREACH, "no network"),
        (errno.EACCES, "Permission denied"),
    ],
)
def test_reasons_in_words(code, words):
    assert words in download.explain(OSError(code, os.strerror(code)))


# --- two at once


def child(server: Server, folder: Path) -> str:
    """A program that fetches the test's file in a process of its own."""
    return textwrap.dedent(f"""
        from dataclasses import replace
        from course_lib.data import fetch, sources
        source = replace(sources.find("chestmnist_128"), name="test", urls=({server.url!r},),
                         filename="sub/file.bin", hash={MD5!r})
        sources.SOURCES = fetch.SOURCES = (source,)
        print(fetch.fetch("test", folder={str(folder)!r}))
    """)


def test_of_two_processes_one_downloads(server, offer, tmp_path):
    def start() -> subprocess.Popen:
        program = [sys.executable, "-c", child(server, tmp_path)]
        return subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    server.gate.clear()
    first = start()
    while not server.asked:
        assert first.poll() is None, first.communicate()[1]
        time.sleep(0.01)
    second = start()
    assert "another process is downloading it; waiting" in second.stderr.readline()
    server.gate.set()
    for process in (first, second):
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out == f"{tmp_path / 'sub/file.bin'}\n"
    assert server.asked == [None] and server.sent == len(CONTENT)


def test_the_one_that_waited_takes_what_came(server, offer, tmp_path, capfd, monkeypatch):
    from filelock import FileLock

    part(tmp_path, b"").unlink()
    held, waits = threading.Event(), threading.Event()

    def other() -> None:
        with FileLock(tmp_path / "sub/file.bin.lock"):
            held.set()
            waits.wait(60)
            (tmp_path / "sub/file.bin").write_bytes(CONTENT)

    say = fetch.say
    monkeypatch.setattr(fetch, "say", lambda *words: (say(*words), waits.set()))
    thread = threading.Thread(target=other)
    thread.start()
    held.wait()
    assert fetch.fetch("test", folder=tmp_path).read_bytes() == CONTENT
    thread.join()
    assert server.asked == []
    assert "waiting" in capfd.readouterr().err


# --- the table


def test_table_is_sound():
    names = [source.name for source in sources.SOURCES]
    files = [source.filename for source in sources.SOURCES]
    assert len(set(names)) == len(names) and len(set(files)) == len(files)
    digits = {"md5": 32, "sha256": 64, "sha256-prefix": 8}
    for source in sources.SOURCES:
        assert sources.find(source.name) is source
        assert source.urls and all(url.endswith(source.filename.rpartition("/")[2]) for url in source.urls)
        assert source.url == source.urls[0]
        assert all((source.what, source.licence, source.citation, source.offline))
        assert re.fullmatch(r"\d\d", source.lab)
        if source.hash is not None:
            algorithm, _, value = source.hash.partition(":")
            assert re.fullmatch(rf"[0-9a-f]{{{digits[algorithm]}}}", value)
    assert [source.name for source in sources.SOURCES if source.hash is None] == ["mini_mias"]


def test_table_agrees_with_torchvision():
    from torchvision.datasets import MNIST
    from torchvision.models import ResNet18_Weights, VGG16_Weights

    ours = {
        (source.filename.rpartition("/")[2], source.hash)
        for source in sources.SOURCES
        if source.name.startswith("mnist")
    }
    assert ours == {(name, f"md5:{md5}") for name, md5 in MNIST.resources}
    assert sources.find("resnet18").url == ResNet18_Weights.IMAGENET1K_V1.url
    assert sources.find("vgg16").url == VGG16_Weights.IMAGENET1K_V1.url
    assert sources.find("vgg16_features").url == VGG16_Weights.IMAGENET1K_FEATURES.url
    assert sources.find("vgg16_features").hash == "sha256-prefix:88682ab5"


def test_embedded_files_readme_and_table_agree():
    readme = (sources.SAMPLES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(\S+)` \| ([\d,]+) \| `([0-9a-f]{64})` \|", readme)
    assert {(row.file, f"{row.size:,}", row.sha256) for row in sources.EMBEDDED} == set(rows)
    kept = {path.name: path.read_bytes() for path in sources.SAMPLES.iterdir() if path.name != "README.md"}
    assert set(kept) == {row.file for row in sources.EMBEDDED}
    for row in sources.EMBEDDED:
        assert (len(kept[row.file]), hashlib.sha256(kept[row.file]).hexdigest()) == (row.size, row.sha256)
    assert sum(map(len, kept.values())) < 8_000_000


# --- the folder and the commands


def test_data_folder(tmp_path, monkeypatch):
    import pooch

    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert fetch.data_folder() == tmp_path
    assert fetch.data_folder(tmp_path / "other") == tmp_path / "other"
    assert fetch.where("ixi_demographics") == tmp_path / "IXI.xls"
    monkeypatch.delenv("COURSE_DATA")
    assert fetch.data_folder() == Path(pooch.os_cache("course_lib"))


def test_command_list(server, offer, tmp_path, capsys):
    offer(size=len(CONTENT), hash=None)
    assert commands.main(["list", "--folder", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"licence: {ANY.licence}" in out, "the README promises it"
    assert "mnist_subset.npz" in out and "3.0 MB" in out and "UNVERIFIED" in out and " here " not in out
    part(tmp_path, b"12345")
    commands.main(["list", "--folder", str(tmp_path)])
    assert "5 B of it" in capsys.readouterr().out
    get(tmp_path)
    offer()
    commands.main(["list", "--folder", str(tmp_path)])
    out = capsys.readouterr().out
    assert " here " in out and "UNVERIFIED" not in out


def test_command_fetch(server, offer, tmp_path, capsys):
    assert commands.main(["fetch", "test", "--folder", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr() == (f"{tmp_path / 'sub/file.bin'}\n", "")
    assert commands.main(["fetch", "test", "tset", "--folder", str(tmp_path / "new")]) == 2
    assert "did you mean test?" in capsys.readouterr().err
    assert len(server.asked) == 1, "a wrong name is noticed before the first download"
    server.status = 404
    assert commands.main(["fetch", "test", "--folder", str(tmp_path / "new"), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "404" in err and "Traceback" not in err


def test_command_where(offer, tmp_path, capsys):
    assert commands.main(["where", "--folder", str(tmp_path)]) == 0
    assert commands.main(["where", "test", "--folder", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}\n{tmp_path / 'sub/file.bin'}\n"
    with pytest.raises(SystemExit) as caught:
        commands.main(["frobnicate"])
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("count", "words"),
    [(None, "?"), (0, "0 B"), (999, "999 B"), (28_881, "28.9 kB"), (4_500_000_000, "4.5 GB")],
)
def test_sizes_in_words(count, words):
    assert commands._size(count) == words


def test_import_is_light():
    program = (
        "import sys, course_lib.data.fetch, course_lib.data.sources, course_lib.data.commands;"
        "print(sorted({'pooch', 'torch', 'matplotlib', 'nibabel', 'nilearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
