"""Collection of files made to do harm: links, bombs, paths that lead out, broken zips and notebooks: a row each."""

from __future__ import annotations

import io
import json
import os
import re
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from course_staff.course import Course
from course_staff.handin import archive as _archive
from course_staff.handin import collect as collecting
from course_staff.handin import preflight
from course_staff.handin.archive import Refused

LAB = "lab42_doubling"
GOOD = json.dumps(
    {"cells": [{"cell_type": "markdown", "id": "a", "metadata": {}, "source": "x"}], "metadata": {}, "nbformat": 4}
).encode()


@pytest.fixture
def course(tmp_path) -> Course:
    (tmp_path / "course").mkdir()
    return Course.open(tmp_path / "course")


@pytest.fixture
def source(tmp_path):
    """A folder of a class with one good submission, beside which a bad one is put."""
    (tmp_path / "class" / "good").mkdir(parents=True)
    (tmp_path / "class" / "good" / f"{LAB}.ipynb").write_bytes(GOOD)
    (tmp_path / "class" / "bad").mkdir()
    return tmp_path / "class"


def only_good(course: Course, collection) -> dict[str, str]:
    """The reasons, after checking that the good submission, and nothing else, was written."""
    written = {str(path.relative_to(course.root)) for path in (course.root / "submitted").rglob("*") if path.is_file()}
    assert written == {f"submitted/good/{LAB}/{LAB}.ipynb"}
    assert (course.root / "submitted" / "good" / LAB / f"{LAB}.ipynb").read_bytes() == GOOD
    assert collecting.rejections(course, LAB) == sorted(collection.rejected, key=lambda row: (row.student, row.file))
    return {row.student: row.reason for row in collection.rejected}


@pytest.mark.parametrize("kind", ["link", "dangling", "hard link", "pipe", "folder", "link to a folder", "loop"])
def test_what_is_no_plain_file_is_never_read(course, source, kind):
    secret = course.root / "gradebook.db"
    secret.write_bytes(GOOD)
    bad = source / "bad" / f"{LAB}.ipynb"
    if kind == "link":
        bad.symlink_to(secret)
    elif kind == "dangling":
        bad.symlink_to(source / "nowhere")
    elif kind == "hard link":
        os.link(secret, bad)
    elif kind == "pipe":
        os.mkfifo(bad)
    elif kind == "folder":
        bad.mkdir()
    elif kind == "link to a folder":
        bad.symlink_to(course.root)
    else:
        bad.symlink_to(bad)
    reasons = only_good(course, collecting.collect(course, LAB, source))
    assert reasons.keys() == {"bad"}
    word = {"hard link": "hard link", "pipe": "pipe", "folder": "empty"}.get(kind, "link")
    assert word in reasons["bad"]


def test_a_link_beside_a_good_notebook_is_a_row_and_is_not_copied(course, source):
    (source / "good" / "data.bin").symlink_to(course.root / "gradebook.db")
    (source / "bad" / f"{LAB}.ipynb.zip").symlink_to(course.root)
    reasons = only_good(course, collecting.collect(course, LAB, source))
    assert reasons.keys() == {"good", "bad"} and all("link" in reason for reason in reasons.values())


def test_a_folder_that_may_not_be_read_is_a_row(course, source, monkeypatch):
    scan = os.scandir

    def locked(path):
        if str(path).endswith("bad"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", locked)
    reasons = only_good(course, collecting.collect(course, LAB, source))
    assert "Permission denied" in reasons["bad"]


def test_a_collected_notebook_is_read_with_the_same_care(course, source):
    with pytest.raises(Refused, match="cannot be read"):
        preflight.read_notebook(source / "nothing here")
    with pytest.raises(Refused, match="folder"):
        preflight.read_notebook(source)
    os.mkfifo(source / "pipe")
    with pytest.raises(Refused, match="pipe"):
        preflight.read_notebook(source / "pipe")
    (source / "link").symlink_to(source / "good" / f"{LAB}.ipynb")
    with pytest.raises(Refused, match="link"):
        preflight.read_notebook(source / "link")
    assert preflight.read_notebook(source / "good" / f"{LAB}.ipynb") == GOOD
    with pytest.raises(Refused, match="MB"):
        preflight.read_notebook(source / "good" / f"{LAB}.ipynb", len(GOOD) - 1)


def test_what_a_larger_max_mb_has_let_in_can_be_graded(course, tmp_path):
    source = tmp_path / "class" / "big"
    source.mkdir(parents=True)
    (source / f"{LAB}.ipynb").write_bytes(GOOD + b" " * preflight.MAX_BYTES)
    assert "MB" in collecting.collect(course, LAB, source.parent).rejected[0].reason
    collecting.collect(course, LAB, source.parent, max_bytes=2 * preflight.MAX_BYTES)
    assert preflight.read_notebook(course.submission("big", LAB)).startswith(GOOD)


def test_a_stamp_beside_all_submissions_is_nobodys(course, tmp_path):
    source = tmp_path / "flat"
    source.mkdir()
    for name in ("jane", "ben"):
        (source / f"{name}.ipynb").write_bytes(GOOD)
    (source / "timestamp.txt").write_text("2020-01-01 00:00:00 UTC")
    assert {row.submitted for row in collecting.collect(course, LAB, source).accepted} == {None}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \r\n", "empty"),
        (b"{", "JSON"),
        (GOOD[:-20], "JSON"),
        (b"[]", "no notebook"),
        (b"null", "no notebook"),
        (b'{"cells": []}', "no notebook"),
        (b'{"cells": {}}', "no notebook"),
        (b'{"cells": 7, "worksheets": [7, {"cells": []}]}', "no notebook"),
        (b"\x89PNG\r\n\x1a\n\x00", "UTF-8"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"Rar!\x1a\x07", "rar"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"[" * 200_000, "nested"),
        (b'{"cells": ' * 100_000, "nested"),
        (b"1" * 5000, "JSON"),
        (b'{"cells": [' + b"1," * 10_000_001 + b"1]}", "MB"),
        (GOOD.decode().encode("utf-16"), "UTF-8"),
    ],
)
def test_what_is_no_notebook_is_a_row(course, source, data, reason):
    (source / "bad" / f"{LAB}.ipynb").write_bytes(data)
    reasons = only_good(course, collecting.collect(course, LAB, source))
    assert reason in reasons["bad"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b", ", b",\r\n"),
        json.dumps({"worksheets": [{"cells": [{"input": "1"}]}], "nbformat": 3}).encode(),
        GOOD.replace(b'"metadata": {}', b'"metadata": {"x": NaN, "y": Infinity}'),
        json.dumps({"cells": [{}] * 100_000}).encode(),
    ],
    ids=["BOM", "CRLF", "nbformat 3", "NaN", "100,000 cells"],
)
def test_what_the_grader_can_repair_is_taken_in_as_it_is(course, source, data):
    (source / "bad" / f"{LAB}.ipynb").write_bytes(data)
    assert not collecting.collect(course, LAB, source).rejected
    assert preflight.read_notebook(course.submitted("bad", LAB) / f"{LAB}.ipynb") == data


def test_size_is_told_and_can_be_allowed(course, source):
    (source / "bad" / f"{LAB}.ipynb").write_bytes(GOOD + b" " * 5000)
    [row] = collecting.collect(course, LAB, source, max_bytes=2000).rejected
    assert row.student == "bad" and "0.002 MB" in row.reason
    assert not collecting.collect(course, LAB, source, max_bytes=6000).rejected


@pytest.mark.parametrize("where", ["submitted", "submitted/good", f"submitted/good/{LAB}"])
def test_a_link_in_submitted_leads_nowhere(course, source, tmp_path, where):
    (tmp_path / "elsewhere").mkdir()
    path = course.root / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(tmp_path / "elsewhere")
    collection = collecting.collect(course, LAB, source)
    assert any(row.student == "good" and "link" in row.reason for row in collection.rejected)
    assert not list((tmp_path / "elsewhere").iterdir())


# zips

Entry = tuple[zipfile.ZipInfo | str, bytes]


def write_zip(path, entries: list[Entry], **more):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **more) as archive:
        for name, data in [(f"good/{LAB}.ipynb", GOOD), *entries]:
            archive.writestr(name, data)
    return path


def special(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        f"../../good/{LAB}.ipynb",
        f"bad/../../../{LAB}.ipynb",
        f"/etc/{LAB}.ipynb",
        f"C:\\Users\\bad\\{LAB}.ipynb",
        f"..\\..\\{LAB}.ipynb",
        f"//host/share/{LAB}.ipynb",
        f"{'a/' * 3000}{LAB}.ipynb",
        "../../../course/gradebook.db",
    ],
)
def test_paths_that_lead_out_of_a_zip_are_rows(course, tmp_path, name):
    path = write_zip(tmp_path / "class.zip", [(name, GOOD.replace(b'"x"', b'"evil"'))])
    before = {p for p in tmp_path.rglob("*") if not p.is_relative_to(course.root)}
    [(student, reason)] = only_good(course, collecting.collect(course, LAB, path)).items()
    assert student == "" and ("leads out" in reason or "longer" in reason)
    assert {p for p in tmp_path.rglob("*") if not p.is_relative_to(course.root)} == before


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o010644], ids=["link", "device", "pipe"])
def test_links_and_devices_in_a_zip_are_rows(course, tmp_path, mode):
    path = write_zip(tmp_path / "class.zip", [(special(f"bad/{LAB}.ipynb", mode), b"/etc/passwd")])
    assert "link or a device" in only_good(course, collecting.collect(course, LAB, path))["bad"]


def test_a_bomb_is_not_unpacked(course, tmp_path):
    bomb = b'{"cells": [' + b" " * 300_000_000 + b"]}"
    path = write_zip(tmp_path / "class.zip", [(f"bad/{LAB}.ipynb", bomb)])
    del bomb
    tracemalloc.start()
    try:
        reasons = only_good(course, collecting.collect(course, LAB, path))
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()
    assert "bomb" in reasons["bad"]


def test_a_bomb_that_lies_about_its_size_is_not_unpacked_either(course, tmp_path):
    path = write_zip(tmp_path / "class.zip", [(f"bad/{LAB}.ipynb", b" " * 50_000_000)])
    data = path.read_bytes().replace(struct.pack("<I", 50_000_000), struct.pack("<I", 1000))
    path.write_bytes(data)
    tracemalloc.start()
    try:
        reasons = only_good(course, collecting.collect(course, LAB, path))
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()
    assert reasons.keys() == {"bad"}


def test_a_zip_of_many_files_inside_is_a_row(course, tmp_path, monkeypatch):
    monkeypatch.setattr(_archive, "MOST_FILES", 50)
    inner = write_zip(tmp_path / "inner.zip", [(f"{number}.ipynb", b"") for number in range(60)]).read_bytes()
    path = write_zip(tmp_path / "class.zip", [("bad.zip", inner)])
    assert "bomb" in only_good(course, collecting.collect(course, LAB, path))["bad"]


def test_zips_in_zips_in_zips_are_a_row(course, tmp_path):
    inner = write_zip(tmp_path / "1.zip", []).read_bytes()
    middle = io.BytesIO()
    with zipfile.ZipFile(middle, "w") as archive:
        archive.writestr("again.zip", inner)
    path = write_zip(tmp_path / "class.zip", [("bad.zip", middle.getvalue())])
    assert "not opened" in only_good(course, collecting.collect(course, LAB, path))["bad"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA], ids=["bzip2", "lzma"])
def test_packers_without_a_cap_are_not_unpacked(course, tmp_path, method):
    path = tmp_path / "class.zip"
    write_zip(path, [])
    with zipfile.ZipFile(path, "a", method) as archive:
        archive.writestr(f"bad/{LAB}.ipynb", GOOD)
    assert "unusual" in only_good(course, collecting.collect(course, LAB, path))["bad"]


def test_a_password_is_a_row(course, tmp_path):
    path = write_zip(tmp_path / "class.zip", [(f"bad/{LAB}.ipynb", GOOD)])
    data = bytearray(path.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.rindex(start) + flags] |= 1
    path.write_bytes(data)
    assert "password" in only_good(course, collecting.collect(course, LAB, path))["bad"]


def test_damage_inside_a_zip_costs_only_that_file(course, tmp_path):
    path = write_zip(tmp_path / "class.zip", [(f"bad/{LAB}.ipynb", GOOD), ("worse.zip", b"PK no zip")])
    data = bytearray(path.read_bytes())
    place = data.index(f"bad/{LAB}.ipynb".encode()) + len(f"bad/{LAB}.ipynb") + 10
    data[place : place + 8] = bytes(255 - byte for byte in data[place : place + 8])
    path.write_bytes(data)
    reasons = only_good(course, collecting.collect(course, LAB, path))
    assert "broken" in reasons["bad"] and "broken zip" in reasons["worse"]


@pytest.mark.parametrize("cut", [0.3, 0.7, 0.99])
def test_a_part_of_a_download_is_told_at_once(course, tmp_path, cut):
    data = write_zip(tmp_path / "whole.zip", [(f"bad/{LAB}.ipynb", os.urandom(3000))]).read_bytes()
    (tmp_path / "part.zip").write_bytes(data[: int(cut * len(data))])
    with pytest.raises(ValueError, match="download it again"):
        collecting.collect(course, LAB, tmp_path / "part.zip")
    assert not (course.root / "submitted").exists()


# names


def raw_name(path, text: str, raw: bytes, extra: bytes = b"") -> None:
    """A zip whose entry has the name `raw`, without the flag that says UTF-8. text: ASCII of the same length."""
    assert len(text) == len(raw)
    info = zipfile.ZipInfo(text)
    info.extra = extra
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, GOOD)
    path.write_bytes(path.read_bytes().replace(text.encode(), raw))


@pytest.mark.parametrize("coding", ["utf-8", "cp437", "field", "decomposed"])
def test_names_in_every_spelling_of_zip_programs(course, tmp_path, coding):
    name, extra = f"müller_{LAB}.ipynb", b""
    raw = name.encode("cp437" if coding == "cp437" else "utf-8")
    if coding == "field":
        body = b"\x01" + struct.pack("<I", zlib.crc32(raw := name.replace("ü", "?").encode())) + name.encode()
        extra = struct.pack("<HH", 0x7075, len(body)) + body
    if coding == "decomposed":
        raw = name.replace("ü", "u\u0308").encode()
    raw_name(tmp_path / "class.zip", "x" * len(raw), raw, extra)
    [row] = collecting.collect(course, LAB, tmp_path / "class.zip").accepted
    assert row.file == name
    table = tmp_path / "table.csv"
    table.write_text("id,last\nm1,MÜLLER\n", encoding="cp1252")
    assert collecting.collect(course, LAB, tmp_path / "class.zip", table).accepted[0].student == "m1"


def test_long_and_foreign_names_of_students_stay_apart_and_safe(course, tmp_path):
    names = ["x" * 200, "x" * 199 + "y", "Zoë", "Zoe", "李小龙", "李小虎", "a b", "a_b", "=cmd|' /C calc'!A0", "CON. "]
    source = tmp_path / "class"
    for name in names:
        (source / name).mkdir(parents=True)
        (source / name / f"{LAB}.ipynb").write_bytes(GOOD)
    assert not collecting.collect(course, LAB, source).rejected
    found = sorted(path.name for path in (course.root / "submitted").iterdir())
    assert len(found) == len(names)
    assert all(len(name) < 70 and name.isascii() and name.replace("_", "").replace("-", "").isalnum() for name in found)


def test_a_row_is_no_formula_and_no_second_row_in_a_spreadsheet(course, tmp_path):
    source = tmp_path / "class"
    source.mkdir()
    foreign = os.fsdecode(b"\xff" + f"{LAB}.ipynb".encode())
    for name in (f'=HYPERLINK("x")_{LAB}.ipynb', f"new\nline,{LAB}.ipynb", f"a;=1+1_{LAB}.ipynb", foreign):
        (source / name).write_bytes(b"")
    collection = collecting.collect(course, LAB, source)
    assert len(collection.rejected) == 4
    lines = (course.grading(LAB) / "rejected.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 5
    assert not any(cell.startswith(("=", '"=')) for line in lines for cell in re.split("[,;]", line))
    assert len(collecting.rejections(course, LAB)) == 4
    collecting.collect(course, LAB, source)
    assert len(collecting.rejections(course, LAB)) == 4, "the same rows again are no new rows"
