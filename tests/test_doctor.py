"""Every line of `course doctor` in each of its levels, and a report that always comes out whole."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import types
import urllib.error
from email.message import Message
from pathlib import Path

import psutil
import pytest
import torch

from course_lib import apple_gpu, doctor
from course_lib.data import sources
from course_lib.doctor import FAIL, GIB, OK, WARN, Finding
from course_staff import health
from course_staff.sandbox import bwrap

NAMES = "Python torch GPU memory disk kernel data weights network address".split()


def test_a_checkup_here_has_every_line_and_no_failure(monkeypatch):
    monkeypatch.setattr(doctor, "_answers", lambda place: True)
    findings = doctor.checkup()
    assert [finding.name for finding in findings] == NAMES
    assert {finding.level for finding in findings} <= {OK, WARN}, findings
    assert all(finding.remedy for finding in findings if finding.level != OK)


@pytest.mark.parametrize(
    ("levels", "last"),
    [
        ([OK, OK], "All is well."),
        ([OK, WARN], "The labs run; WARN lines say what is limited."),
        ([WARN, FAIL], "1 of 2 need attention before the labs run."),
    ],
)
def test_report_prints_a_line_each_with_the_remedy_below(capsys, levels, last):
    findings = []
    for i, level in enumerate(levels):
        findings.append(Finding(f"topic{i}", level, f"message{i}", "" if level == OK else f"remedy{i}"))
    doctor.report(findings)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == last
    for i, level in enumerate(levels):
        assert any(line.startswith(level) and f"message{i}" in line for line in lines)
        assert any(f"-> remedy{i}" in line for line in lines) == (level != OK)


def test_report_examines_when_given_nothing(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "checkup", lambda more=None: [Finding("topic", OK, "fresh")])
    doctor.report()
    assert "fresh" in capsys.readouterr().out


def test_a_check_that_breaks_is_a_finding_not_a_crash(monkeypatch):
    def broken():
        raise OSError("no such device")

    monkeypatch.setattr(doctor, "gpu", broken)
    monkeypatch.setattr(doctor, "_answers", lambda place: True)
    findings = doctor.checkup()
    found = next(finding for finding in findings if finding.name == "GPU")
    assert found.level == FAIL and "no such device" in found.message and len(findings) == len(NAMES)


@pytest.mark.parametrize(("version", "level"), [((3, 10, 14), FAIL), ((3, 11, 0), OK), ((3, 14, 0), OK)])
def test_python(monkeypatch, version, level):
    monkeypatch.setattr(sys, "version_info", version)
    assert doctor.python().level == level


def test_torch_ok():
    found = doctor.torch_and_vision()
    assert found.level == OK and torch.__version__ in found.message


@pytest.mark.parametrize("error", [ImportError("no torchvision"), RuntimeError("no operator nms")])
def test_torch_that_does_not_import_fails(monkeypatch, error):
    def import_module(name):
        raise error

    monkeypatch.setattr(doctor.importlib, "import_module", import_module)
    found = doctor.torch_and_vision()
    assert found.level == FAIL and str(error) in found.message and "torchvision" in found.remedy


def test_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(apple_gpu, "available", lambda: False)
    assert doctor.gpu().level == OK and "none is needed" in doctor.gpu().message
    monkeypatch.setattr(apple_gpu, "available", lambda: True)
    monkeypatch.setattr(apple_gpu, "problem", lambda: None)
    assert doctor.gpu().level == OK and "networks train on it" in doctor.gpu().message
    monkeypatch.setattr(apple_gpu, "problem", lambda: "other numbers")
    assert doctor.gpu().level == OK and doctor.gpu().message.endswith("(other numbers)")
    card = types.SimpleNamespace(name="Tesla T4", total_memory=16 * GIB)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    found = doctor.gpu()
    assert found.level == OK and found.message == "Tesla T4, 16.0 GiB"


@pytest.mark.parametrize(
    ("total", "free", "limits", "level"),
    [
        (8, 6, [], OK),
        (8, 1.5, [], WARN),
        (8, 6, [int(1.5 * GIB)], WARN),  # a container allows less than the machine has
        (0.9, 0.9, [], FAIL),
        (64, 60, [GIB // 2], FAIL),
    ],
)
def test_memory(monkeypatch, total, free, limits, level):
    size = types.SimpleNamespace(total=total * GIB, available=free * GIB)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: size)
    monkeypatch.setattr(doctor, "_container_limits", lambda: limits)
    assert doctor.memory().level == level


def test_container_limits_are_read_and_the_word_max_is_none(monkeypatch):
    texts = {"memory.max": "max\n", "memory.limit_in_bytes": "2147483648\n"}
    monkeypatch.setattr(Path, "read_text", lambda path: texts[path.name])
    monkeypatch.setenv("MEM_LIMIT", "1073741824")
    assert doctor._container_limits() == [2 * GIB, GIB]
    monkeypatch.setenv("MEM_LIMIT", "2G")
    assert doctor._container_limits() == [2 * GIB]


@pytest.mark.parametrize(("free", "level"), [(5, OK), (0.5, WARN), (0.01, FAIL)])
def test_disk(monkeypatch, tmp_path, free, level):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: types.SimpleNamespace(free=free * GIB))
    found = doctor.disk()
    assert found.level == level and str(tmp_path) in found.message


def test_disk_that_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    found = doctor.disk()
    assert found.level == FAIL and "COURSE_DATA" in found.remedy


def test_the_staff_see_more_lines_than_students(monkeypatch):
    monkeypatch.setattr(doctor, "_answers", lambda place: True)
    names = [finding.name for finding in doctor.checkup(health.CHECKS)]
    assert names == [*NAMES, "nbgrader", "sandbox"]


def test_nbgrader(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.9.5")
    assert health.CHECKS["nbgrader"]() == Finding("nbgrader", OK, "0.9.5")

    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)
    found = health.CHECKS["nbgrader"]()
    assert found.level == WARN and 'pip install "course_lib[instructor]"' in found.remedy


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        (("bubblewrap is not installed", "install it"), WARN, "bubblewrap is not installed"),
        (None, OK, "bubblewrap 0.8.0 runs here"),
    ],
)
def test_sandbox(monkeypatch, found, level, words):
    monkeypatch.setattr(bwrap, "diagnosis", lambda: found)
    monkeypatch.setattr(bwrap, "version", lambda: "bubblewrap 0.8.0")
    finding = health.CHECKS["sandbox"]()
    assert finding.level == level and words in finding.message
    assert finding.remedy == ("install it" if level == WARN else "")


@pytest.mark.parametrize(
    ("command", "level"),
    [
        (sys.executable, OK),
        ("python", OK),
        ("/nowhere/bin/python", FAIL),
        ("/bin/sh", WARN),
    ],
)
def test_kernel(monkeypatch, command, level):
    from jupyter_client.kernelspec import KernelSpecManager

    spec = types.SimpleNamespace(argv=[command, "-m", "ipykernel_launcher"])
    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", lambda self, name: spec)
    found = doctor.kernel()
    assert found.level == level
    assert ("ipykernel install --sys-prefix" in found.remedy) == (level != OK)


def test_no_kernel_and_no_ipykernel(monkeypatch):
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    def absent(self, name):
        raise NoSuchKernel(name)

    monkeypatch.setattr(KernelSpecManager, "get_kernel_spec", absent)
    assert doctor.kernel().message == "no kernel called python3"
    monkeypatch.setitem(sys.modules, "jupyter_client.kernelspec", None)
    found = doctor.kernel()
    assert found.level == FAIL and "pip install ipykernel" in found.remedy


def test_data_ok_missing_and_damaged(monkeypatch, tmp_path):
    assert doctor.data().level == OK
    whole, cut = sources.EMBEDDED[:2]
    monkeypatch.setattr(sources, "SAMPLES", tmp_path)
    monkeypatch.setattr(sources, "EMBEDDED", (whole, cut))
    (tmp_path / cut.file).write_bytes(b"half a download")
    found = doctor.data()
    assert found.level == FAIL
    assert f"{whole.file} is missing" in found.message and f"{cut.file} is damaged" in found.message


@pytest.mark.parametrize("place", ["course", "torch"])
def test_weights_absent_damaged_and_whole(monkeypatch, tmp_path, place):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "course"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "torch"))
    found = doctor.weights()
    assert found.level == OK and "ResNet-18 and VGG16 not downloaded" in found.message
    assert "random weights" in found.message and "course data fetch resnet18 vgg16" in found.message
    folder = {"course": tmp_path / "course" / "weights", "torch": tmp_path / "torch" / "checkpoints"}[place]
    folder.mkdir(parents=True)
    path = folder / "resnet18-f37072fd.pth"
    for content in ({"layer4.1.conv2.weight": torch.zeros(512, 512, 1, 1)}, {"of another network": torch.zeros(1)}):
        torch.save(content, path)
        assert doctor.weights().level == WARN, "it can be read, but is not ResNet-18"
    path.write_bytes(b"half a download")
    found = doctor.weights()
    assert found.level == WARN and str(path) in found.message
    assert "delete it" in found.remedy and "course data fetch resnet18" in found.remedy
    torch.save({"layer4.1.conv2.weight": torch.zeros(1).expand(512, 512, 3, 3)}, path)
    found = doctor.weights()
    assert found.level == OK and f"ResNet-18 is whole, in {folder}; VGG16 not downloaded" in found.message


@pytest.mark.parametrize(
    ("answering", "level", "words"),
    [
        ({"https://github.com/", "http://data.org/"}, OK, "2 hosts"),
        ({"https://github.com/"}, OK, "no answer from data.org"),
        (set(), OK, "no lab needs more"),
    ],
)
def test_network(monkeypatch, answering, level, words):
    monkeypatch.setattr(doctor, "_places", lambda: ["https://github.com/", "http://data.org/"])
    monkeypatch.setattr(doctor, "_answers", lambda place: place in answering)
    found = doctor.network()
    assert found.level == level and words in found.message


@pytest.mark.parametrize(
    ("repository", "first"),
    [("ada/course", "https://github.com/"), ("https://gitlab.com/ada/course", "https://gitlab.com/")],
)
def test_places_are_the_course_and_each_server_of_data_once(monkeypatch, repository, first):
    monkeypatch.setattr(doctor, "course_address", lambda root: (repository, "main"))
    places = doctor._places()
    assert places[0] == first and len(places) == len(set(places)) > 1
    assert "https://zenodo.org/" in places
    monkeypatch.setattr(doctor, "project_root", lambda: None)
    assert doctor._places()[0] == "https://github.com/"


def test_any_answer_of_a_server_counts_and_silence_does_not(monkeypatch):
    def refused(request, timeout):
        raise urllib.error.URLError(ConnectionRefusedError())

    def forbidden(request, timeout):
        raise urllib.error.HTTPError(request.full_url, 403, "Forbidden", Message(), None)

    def fine(request, timeout):
        assert request.get_method() == "HEAD" and timeout <= 3
        return types.SimpleNamespace(close=lambda: None)

    for answer, expected in [(refused, False), (forbidden, True), (fine, True)]:
        monkeypatch.setattr(doctor.urllib.request, "urlopen", answer)
        assert doctor._answers("https://example.org/") is expected


@pytest.mark.parametrize(
    ("root", "repository", "level", "words"),
    [
        (None, "", OK, "installed as a library"),
        (Path("/course"), "OWNER/NAME", OK, "open the labs here"),
        (Path("/course"), "ada/course", OK, "ada/course, branch main"),
    ],
)
def test_address(monkeypatch, root, repository, level, words):
    monkeypatch.setattr(doctor, "project_root", lambda: root)
    monkeypatch.setattr(doctor, "course_address", lambda root: (repository, "main"))
    found = doctor.address()
    assert found.level == level and words in found.message
    assert not found.remedy
    for module in (health, doctor):
        monkeypatch.setattr(module, "project_root", lambda: root)
        monkeypatch.setattr(module, "course_address", lambda root: (repository, "main"))
    staff = health.CHECKS["address"]()
    assert (staff.level, "course publish" in staff.remedy) == ((WARN, True) if "OWNER" in repository else (OK, False))
