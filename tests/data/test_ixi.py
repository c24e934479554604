"""IXI, volume by volume: a local tar of NIfTI files, served by a real HTTP server on this machine."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import socket
import subprocess
import sys
import tarfile
import textwrap
import threading
from dataclasses import replace
from functools import lru_cache

import nibabel
import numpy as np
import pytest
from test_fetch import Server, free_port

from course_lib.data import commands, download, fetch, ixi, sources, tarstream

PEOPLE = 24
SIDE = 36  # voxels; noise does not compress, so that a volume has about 170 kB
SITES = ("Guys", "HH", "IOP")


@lru_cache(maxsize=1)
def nifti_files() -> dict[str, bytes]:
    """Names as those of IXI, with gaps between the numbers, and valid NIfTI files."""
    rng, files = np.random.default_rng(0), {}
    for index in range(PEOPLE):
        data = rng.standard_normal((SIDE, SIDE, SIDE)).astype(np.float32)
        packed = nibabel.Nifti1Image(data, np.diag([0.94, 0.94, 1.2, 1])).to_bytes()
        files[f"IXI{2 + 3 * index:03}-{SITES[index % 3]}-{700 + index:04}-T1.nii.gz"] = gzipped(packed)
    return files


def gzipped(data: bytes) -> bytes:
    import gzip

    return gzip.compress(data, compresslevel=1, mtime=0)


def packed(files: dict[str, bytes], *, style: int = tarfile.USTAR_FORMAT, folder: str = "") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as tar:
        if folder:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
        for name, content in files.items():
            entry = tarfile.TarInfo(f"{folder}/{name}" if folder else name)
            entry.size, entry.mtime = len(content), 1_150_000_000.5 if style == tarfile.PAX_FORMAT else 1_150_000_000
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


TAR = packed(nifti_files())
NAMES = list(nifti_files())


def cost(people: int) -> int:
    """Bytes of the tar up to the end of this many volumes."""
    return sum(512 + len(content) + -len(content) % 512 for content in list(nifti_files().values())[:people])


class SlowServer(Server):
    """With small buffers, so that what is not read is not sent."""

    def get_request(self):
        request, address = super().get_request()
        request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        return request, address


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01, 0.01))
    with SlowServer() as running:
        running.content = TAR
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def offer(server, monkeypatch):
    """Puts our server in place of the published address."""

    def put(content: bytes = TAR, urls: tuple[str, ...] | None = None, md5: str | None = None) -> None:
        server.content = content
        md5 = md5 or hashlib.md5(content).hexdigest()
        source = replace(sources.find("ixi_t1"), urls=urls or (server.url,), hash=f"md5:{md5}")
        table = tuple(source if row.name == "ixi_t1" else row for row in original)
        monkeypatch.setattr(sources, "SOURCES", table)

    original = sources.SOURCES
    put()
    return put


def get(folder, subjects=None):
    return ixi.fetch_volumes(subjects, folder=folder, progress=False)


def assert_right(paths, people: int) -> None:
    assert [path.name for path in paths] == NAMES[:people]
    for path in paths:
        assert path.read_bytes() == nifti_files()[path.name]


def refused(folder, subjects=None) -> str:
    with pytest.raises(fetch.DataUnavailable) as caught:
        get(folder, subjects)
    message = str(caught.value)
    for part in ("Why not:", "course data fetch ixi --subjects N", "by hand: save http", "COURSE_DATA"):
        assert part in message
    return message


# --- N subjects cost N subjects


def test_the_first_subjects_cost_no_more_than_themselves(server, offer, tmp_path):
    offer(packed({f"IXI{i:03}-Guys-0001-T1.nii.gz": gzipped(os.urandom(1 << 20)) for i in range(40)}))
    paths = get(tmp_path, 3)
    assert [path.name[:6] for path in paths] == ["IXI000", "IXI001", "IXI002"]
    # what lies in the buffers of two sockets is sent, too: a few megabytes of 40
    assert server.sent < 3 * (1 << 20) + 10 * (1 << 20)
    assert server.asked == [None]


def test_the_volumes_are_those_of_the_tar_and_readable(server, offer, tmp_path):
    paths = get(tmp_path, 5)
    assert_right(paths, 5)
    image = nibabel.load(paths[0])
    assert image.shape == (SIDE,) * 3 and image.header.get_zooms() == pytest.approx((0.94, 0.94, 1.2))
    assert ixi.volumes(folder=tmp_path) == paths
    assert paths[0].parent == tmp_path / "IXI-T1" == ixi.volumes_folder(folder=tmp_path)


def test_more_subjects_cost_only_the_new_ones(server, offer, tmp_path):
    get(tmp_path, 2)
    assert_right(get(tmp_path, 4), 4)
    assert server.asked == [None, f"bytes={cost(2)}-"]
    assert_right(get(tmp_path, 3), 3)
    assert_right(get(tmp_path, 4), 4)
    assert len(server.asked) == 2, "what is here is not asked for"


def test_what_is_here_needs_no_lock_and_no_server(server, offer, tmp_path):
    get(tmp_path, 2)
    (tmp_path / "IXI-T1.tar.lock").unlink(missing_ok=True)
    server.status = 500
    assert_right(get(tmp_path, 2), 2)
    assert not list(tmp_path.rglob("*.lock"))


def test_subjects_are_people_not_files(server, offer, tmp_path):
    files = nifti_files()
    twice = {NAMES[0]: files[NAMES[0]], NAMES[0].replace("0700", "0701"): files[NAMES[1]], NAMES[2]: files[NAMES[2]]}
    offer(packed(twice))
    assert [path.name for path in get(tmp_path, 2)] == list(twice)


# --- the whole, and its hash


@pytest.mark.parametrize("style", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("folder", ["", "IXI-T1"])
def test_the_hash_of_the_whole_is_that_of_the_tar_however_it_was_collected(server, offer, tmp_path, style, folder):
    offer(packed(nifti_files(), style=style, folder=folder))
    server.cuts = [3000, 700_000]
    get(tmp_path, 3)
    assert_right(get(tmp_path), PEOPLE)
    tar = tarstream.TarFolder(tmp_path / "IXI-T1", tmp_path / "IXI-T1.tar.skeleton")
    assert tar.digest("md5") == hashlib.md5(server.content).hexdigest()
    asked = len(server.asked)
    assert_right(get(tmp_path), PEOPLE)
    assert len(server.asked) == asked, "the hash is remembered"
    kept = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert kept < len(server.content) + 1000, "nothing is kept twice"


def test_a_wrong_hash_of_the_whole_is_refused(server, offer, tmp_path):
    offer(md5="0" * 32)
    message = refused(tmp_path)
    assert "md5:" + hashlib.md5(TAR).hexdigest() in message and "Delete" in message
    assert "md5:" in refused(tmp_path), "and remembered as such"


def test_the_first_subjects_say_that_the_whole_is_not_compared(server, offer, tmp_path, capfd):
    ixi.fetch_volumes(2, folder=tmp_path)
    out, err = capfd.readouterr()
    assert out == "" and "0/2" in err and "cannot be compared" in err
    get(tmp_path, 3)
    assert capfd.readouterr() == ("", "")


def test_more_subjects_than_there_are(server, offer, tmp_path, capfd):
    paths = ixi.fetch_volumes(1000, folder=tmp_path)
    assert_right(paths, PEOPLE)
    assert f"the tar has {PEOPLE} volumes, 1000 were asked for" in capfd.readouterr().err


# --- interrupted


def test_many_cuts_are_survived_inside_a_volume_too(server, offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS", 10_000)
    server.cuts = [50_000] * 9  # a volume has 170 kB
    assert_right(get(tmp_path, 4), 4)
    assert len(server.asked) == 10
    assert all(int(asked[6:-1]) > 0 for asked in server.asked[1:])


def test_a_later_call_goes_on_inside_the_volume(server, offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WAITS", ())
    server.cuts = [cost(2) + 100_000]
    assert "the connection broke" in refused(tmp_path, 3)
    assert [path.name for path in ixi.volumes(folder=tmp_path)] == NAMES[:2], "a part is no volume"
    assert_right(get(tmp_path, 3), 3)
    assert server.asked[1] == f"bytes={cost(2) + 100_000}-" or int(server.asked[1][6:-1]) > cost(2) + 512


def test_a_server_without_ranges_is_read_over(server, offer, tmp_path):
    server.ranges = False
    get(tmp_path, 2)
    assert_right(get(tmp_path, 4), 4)
    assert len(server.asked) == 2


def test_a_server_that_sends_another_range_is_refused(server, offer, tmp_path):
    get(tmp_path, 2)
    server.shift = 7
    assert "sent others" in refused(tmp_path, 3)
    server.shift = 0
    assert_right(get(tmp_path, 3), 3)


def test_an_end_without_announcement_is_noticed(server, offer, tmp_path):
    server.announce, server.cuts = False, [cost(3) + 5]
    assert_right(get(tmp_path, 5), 5)
    assert len(server.asked) == 2


def test_a_deleted_volume_is_brought_back(server, offer, tmp_path):
    paths = get(tmp_path, 4)
    paths[1].unlink()
    assert_right(get(tmp_path, 4), 4)
    # the lost volume, then nothing: what follows is here
    assert server.asked[1:] == [f"bytes={cost(1) + 512}-"]


def test_two_lost_volumes_and_new_ones(server, offer, tmp_path):
    paths = get(tmp_path, 5)
    paths[1].unlink()
    paths[3].write_bytes(b"cut")
    assert_right(get(tmp_path, 6), 6)
    asked = [int(asked[6:-1]) for asked in server.asked[1:]]
    assert asked == [cost(1) + 512, cost(3) + 512, cost(5)]


def test_every_stream_is_closed(tmp_path):
    (tmp_path / "files").mkdir()
    opened = []

    def open_at(offset):
        opened.append(io.BytesIO(TAR))
        opened[-1].seek(offset)
        return opened[-1]

    tar = tarstream.TarFolder(tmp_path / "files", tmp_path / "skeleton", open_at)
    list(tar.files())
    for name in (NAMES[1], NAMES[3]):
        (tmp_path / "files" / name).unlink()
    paths = [path.name for path in tar.files()]
    assert paths == NAMES and len(opened) >= 3 and all(stream.closed for stream in opened)


def test_a_part_that_is_too_long_starts_over(server, offer, tmp_path):
    get(tmp_path, 1)
    (tmp_path / "IXI-T1" / f"{NAMES[1]}.part").write_bytes(bytes(1 << 20))
    assert_right(get(tmp_path, 2), 2)


def test_a_process_that_dies_leaves_what_a_next_one_needs(server, offer, tmp_path):
    program = textwrap.dedent(f"""
        import os
        from dataclasses import replace
        from course_lib.data import download, ixi, sources
        source = replace(sources.find("ixi_t1"), urls=({server.url!r},))
        sources.SOURCES = (source,)
        written, write = 0, download._write
        def counted(file, data):
            global written
            written += len(data)
            if written > {cost(2)} + 60_000:
                os._exit(9)
            return write(file, data)
        download._write = counted
        download.CHUNK = 10_000
        ixi.fetch_volumes(5, folder={str(tmp_path)!r}, progress=False)
    """)
    assert subprocess.run([sys.executable, "-c", program]).returncode == 9
    assert_right(get(tmp_path, 5), 5)
    assert cost(2) + 40_000 < int(server.asked[1][6:-1]) < cost(3)


# --- what must not pass as data


def test_a_damaged_volume_is_asked_for_again_and_never_kept(server, offer, tmp_path, capfd):
    place = cost(1) + 512 + 80_000
    offer(TAR[:place] + b"damaged" + TAR[place + 7 :])
    assert f"{NAMES[1]} arrived damaged" in refused(tmp_path, 3)
    assert [path.name for path in ixi.volumes(folder=tmp_path)] == NAMES[:1]
    assert len(server.asked) == 4
    offer()
    assert_right(get(tmp_path, 3), 3)


@pytest.mark.parametrize("content", [b"<html>please log in</html>", b"<html>please log in</html>" * 1000])
def test_a_login_page_is_no_tar(server, offer, tmp_path, content):
    offer(content)
    message = refused(tmp_path, 3)
    assert "not the tar" in message or "ended early" in message
    offer()
    assert_right(get(tmp_path, 3), 3)


def test_another_tar_than_before_is_noticed(server, offer, tmp_path):
    get(tmp_path, 2)
    offer(TAR[600:])
    assert "another file now" in refused(tmp_path, 3)
    offer()
    assert_right(get(tmp_path, 3), 3)


@pytest.mark.parametrize("name", ["../../outside.nii.gz", "/outside.nii.gz", "..\\outside.nii.gz"])
def test_a_tar_does_not_choose_where_it_writes(server, offer, tmp_path, name):
    offer(packed({name: gzipped(b"x")}))
    assert get(tmp_path / "data" / "deep") == []
    (found,) = tmp_path.rglob("outside.nii.gz")
    assert found.parent == tmp_path / "data" / "deep" / "IXI-T1"


def test_a_name_that_is_no_name(server, offer, tmp_path):
    offer(packed({"folder/..": b"x"}))
    assert "'folder/..'" in refused(tmp_path)


# --- failures in words


def test_the_second_address_serves_where_the_first_does_not(server, offer, tmp_path):
    offer(urls=(f"http://127.0.0.1:{free_port()}/IXI-T1.tar", server.url))
    assert_right(get(tmp_path, 2), 2)


def test_server_down_and_errors(server, offer, tmp_path):
    offer(urls=(f"http://127.0.0.1:{free_port()}/IXI-T1.tar",))
    assert "the server is down" in refused(tmp_path, 2)
    offer()
    server.status = 404
    assert "404" in refused(tmp_path, 2)
    assert len(server.asked) == 1


def test_no_network_is_said_at_once(offer, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "WAITS", (60,))
    offer(urls=("http://nowhere.invalid/IXI-T1.tar",))
    assert "no network" in refused(tmp_path, 2)


def test_disk_full_while_writing_and_before(server, offer, tmp_path, monkeypatch):
    real, left = download._write, [cost(1) + 50_000]

    def write(file, data):
        if left[0] < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left[0] -= len(data)
        return real(file, data)

    offer(urls=(server.url, f"{server.url}?again"))
    monkeypatch.setattr(download, "_write", write)
    monkeypatch.setattr(download, "CHUNK", 1000)
    assert "the disk is full; what was received is kept" in refused(tmp_path, 3)
    assert len(server.asked) == 1, "neither another attempt nor another server would make room"
    monkeypatch.setattr(download, "_write", real)
    monkeypatch.setattr(tarstream.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    assert "too full" in refused(tmp_path, 3)
    monkeypatch.undo()


def test_a_folder_that_cannot_be_used(offer, tmp_path):
    (tmp_path / "taken").write_text("a file where the folder should be")
    with pytest.raises(fetch.DataUnavailable, match="cannot be used"):
        get(tmp_path / "taken", 1)


@pytest.mark.parametrize(("subjects", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_bad_counts(subjects, error, tmp_path):
    with pytest.raises(error, match="subjects"):
        get(tmp_path, subjects)


# --- by hand


def test_a_tar_put_there_by_hand_is_unpacked_without_a_server(server, offer, tmp_path):
    (tmp_path / "IXI-T1.tar").write_bytes(TAR)
    assert_right(get(tmp_path, 2), 2)
    assert_right(get(tmp_path), PEOPLE)
    assert server.asked == []


def test_volumes_put_there_by_hand_are_taken(server, offer, tmp_path):
    folder = tmp_path / "IXI-T1"
    folder.mkdir()
    for name in NAMES[:3]:
        (folder / name).write_bytes(nifti_files()[name])
    (folder / "notes.txt").write_text("not a volume")
    assert [path.name for path in ixi.volumes(folder=tmp_path)] == NAMES[:3]
    sent = server.sent
    assert_right(get(tmp_path, 3), 3)
    assert server.sent - sent < len(TAR), "only headers are needed"


def test_subject_numbers():
    assert ixi.subject_number("IXI002-Guys-0828-T1.nii.gz") == 2
    assert [ixi.subject_number(name) for name in NAMES] == [2 + 3 * index for index in range(PEOPLE)]
    with pytest.raises(ValueError, match="IXI002-Guys-0828-T1.nii.gz"):
        ixi.subject_number("brain.nii.gz")


# --- the command


@pytest.fixture
def people(monkeypatch):
    found = ixi.Demographics({2: ixi.Person(2)}, 1, ())
    monkeypatch.setattr(ixi, "demographics", lambda **options: found)


def test_the_command_gets_the_first_subjects_and_reports(server, offer, people, tmp_path, capfd):
    assert commands.main(["fetch", "ixi", "--subjects", "2", "--folder", str(tmp_path)]) == 0
    out, err = capfd.readouterr()
    assert out == f"{tmp_path / 'IXI-T1'}\n" and "IXI demographics: 1 rows" in err
    assert len(ixi.volumes(folder=tmp_path)) == 2
    assert commands.main(["fetch", "ixi", "--subjects", "3", "--folder", str(tmp_path), "--quiet"]) == 0
    assert capfd.readouterr() == (out, "")
    assert commands.main(["list", "--folder", str(tmp_path)]) == 0
    assert "IXI one by one: 3 volumes here" in capfd.readouterr().out
    assert commands.main(["where", "ixi", "--folder", str(tmp_path)]) == 0
    assert capfd.readouterr().out == out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ixi", "--subjects", "0"], "at least 1"),
        (["vgg16", "--subjects", "3"], "expected with the name ixi, got vgg16"),
        (["ixi", "ixii", "--subjects", "3"], "ixii"),
    ],
)
def test_wrong_commands_download_nothing(server, offer, people, tmp_path, capsys, arguments, words):
    assert commands.main(["fetch", *arguments, "--folder", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err and server.asked == []


def test_the_command_without_a_server(server, offer, people, tmp_path, capsys):
    server.status = 403
    assert commands.main(["fetch", "ixi", "--subjects", "2", "--folder", str(tmp_path), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "403" in err and "Traceback" not in err


def test_demographics_come_from_the_spreadsheet(tmp_path, monkeypatch, capsys):
    from test_demographics import spreadsheet

    (tmp_path / "IXI.xls").write_bytes(spreadsheet().read_bytes())
    found = ixi.demographics(folder=tmp_path)
    assert found.people[2].sex == "female" and found.people[2].ethnicity == "White"
    assert "619 rows, 593 people" in capsys.readouterr().out
