"""Colab simulated: torch but no course_lib, the first cell as it is, a local git remote."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from course_lib import start
from course_lib.project import PLACEHOLDER
from course_staff.authoring.setup_cell import pip_address, setup_cell

ROOT = Path(__file__).resolve().parents[1]
LAB = "lab00_orientation"


@pytest.fixture(scope="session")
def colab(tmp_path_factory) -> Path:
    """The Python of a fresh environment that sees all packages of this one but course_lib and nilearn."""
    folder = tmp_path_factory.mktemp("colab") / "venv"
    # the present interpreter, since `python3` may be another one
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not re.search(r"course_lib|^nilearn|^a1_coverage|^__pycache__", entry.name):
            (packages / entry.name).symlink_to(entry)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def remote(tmp_path_factory) -> str:
    """The course as it stands, committed to a git repository of its own: its file:// address."""
    folder = tmp_path_factory.mktemp("remote") / "course"
    hidden = shutil.ignore_patterns(".venv*", ".git", "__pycache__", ".*_cache", "artifacts", "*.db")
    shutil.copytree(ROOT, folder, symlinks=True, ignore=hidden)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    commit = [*who, "commit", "--quiet", "-m", "course"]
    for arguments in (["init", "--quiet", "-b", "main"], ["add", "-A"], commit):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder.as_uri()


@pytest.fixture
def wheels(tmp_path) -> Path:
    """A folder for pip with one tiny wheel, called like what Colab lacks."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    info = "nilearn-9.9.dist-info"
    files = {
        "nilearn/__init__.py": '__version__ = "9.9"\n',
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: nilearn\nVersion: 9.9\nRequires-Dist: numpy\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / "nilearn-9.9-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return folder


def _run(python: Path, cell: str, folder: Path, *, then: str = "", **variables: str):
    """Run a cell as it is, offline, in a folder without the course around it; then a line of ours."""
    ours = ("PIP_", "COURSE_", "COV", "PYTHON", "BINDER", "COLAB")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # pip reads this one the wrong way round: "false" is what switches the isolation off
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_CONFIG_FILE": os.devnull}
    environment = kept | offline | {"COURSE_PROFILE": "ci", "HOME": str(folder)} | variables
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [str(python), "-c", f"{cell}\n{then}\n"], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_the_first_cell_installs_what_colab_lacks_and_leaves_torch_alone(colab, remote, wheels, tmp_path):
    packages = next(colab.parents[1].glob("lib/python*/site-packages"))
    before = {entry.name for entry in packages.iterdir()}
    look = "import course_lib, torch, torchvision, numpy, nilearn; print([m.__file__ for m in"
    look += " (course_lib, torch, torchvision, numpy, nilearn)], profile.name)"
    cell = setup_cell(remote, "main", LAB)
    folder, links = tmp_path / "content", str(wheels)
    result = _run(colab, cell, folder, then=look, PIP_FIND_LINKS=links, COLAB_RELEASE_TAG="t")
    assert result.returncode == 0, result.stderr
    added = {entry.name for entry in packages.iterdir()} - before - {"__pycache__"}
    assert added == {"course_lib", "course_staff", "course_lib-0.2.0.dist-info", "nilearn", "nilearn-9.9.dist-info"}
    for name in ("torch", "torchvision", "numpy"):
        assert (packages / name).is_symlink(), f"{name} was replaced"
    assert str(packages / "course_lib") in result.stdout
    assert result.stdout.strip().endswith("ci")
    assert "nilearn>=" in result.stdout and f"{LAB} is ready on Colab." in result.stdout
    for word in ("device    cpu", "profile   ci", "Python 3", "torch ", "numpy ", "course_lib 0.2.0"):
        assert word in result.stdout

    # run again, as students do: nothing to install, no network asked
    again = _run(colab, cell, tmp_path / "content", COLAB_RELEASE_TAG="t")
    assert again.returncode == 0, again.stderr
    assert "Installing" not in again.stdout and f"{LAB} is ready on Colab." in again.stdout
    for name in added:
        shutil.rmtree(packages / name)


def test_a_missing_remote_is_told_with_what_to_do(colab, tmp_path):
    cell = setup_cell((tmp_path / "nowhere").as_uri(), "main", LAB)
    result = _run(colab, cell, tmp_path / "content", COLAB_RELEASE_TAG="t")
    assert result.returncode != 0
    message = result.stderr.partition("RuntimeError: ")[2]
    assert "could not be installed from git+file://" in message
    assert "What to do: 1. see that you are online" in message
    assert "send your instructor these lines" in message
    assert "nowhere" in message.partition("these lines")[2], "pip's own words are missing"


def test_an_unlinked_course_never_installs(colab, tmp_path):
    cell = setup_cell(PLACEHOLDER, "main", LAB)
    assert "pip" not in cell and "github.com" not in cell
    result = _run(colab, cell, tmp_path / "content")
    assert result.returncode != 0 and "course relink OWNER/NAME" in result.stderr


def test_inside_a_clone_the_library_is_found_without_installing(colab, tmp_path):
    clone = tmp_path / "clone"
    for name in ("course_lib", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        clone.mkdir(exist_ok=True)
        copy(ROOT / name, clone / name)
    notebook_folder = clone / "labs" / LAB
    notebook_folder.mkdir(parents=True)
    # nilearn is missing here and this is not Colab: the library is found, and says what to install
    result = _run(colab, setup_cell(PLACEHOLDER, "main", LAB), notebook_folder)
    assert f"{clone / 'course_lib' / 'start.py'}" in result.stderr
    assert "These libraries are missing: nilearn>=" in result.stderr and "-m pip install" in result.stderr


@pytest.mark.parametrize("repository", [PLACEHOLDER, "ada/course", "https://host/ada/c.git", "/folder/c"])
def test_the_cell_is_short_and_needs_only_the_standard_library(repository):
    cell = setup_cell(repository, "main", LAB)
    compile(cell, LAB, "exec")
    assert len(cell.splitlines()) <= 30 and max(map(len, cell.splitlines())) <= 110
    before_the_library = cell.partition("from course_lib.start")[0]
    imported = set(re.findall(r"^import (\w+)", before_the_library, re.MULTILINE))
    assert imported <= sys.stdlib_module_names and "from " not in re.sub(r"[\"#].*", "", before_the_library)
    assert cell.endswith(f'profile = start_lab("{LAB}")')


@pytest.mark.parametrize(
    ("repository", "address"),
    [
        ("ada/course", "git+https://github.com/ada/course@main"),
        ("https://gitlab.com/ada/course.git", "git+https://gitlab.com/ada/course.git@main"),
        ("git+ssh://git@host/ada/course", "git+ssh://git@host/ada/course@main"),
        ("file:///folder/course", "git+file:///folder/course@main"),
        ("/folder/course", "git+file:///folder/course@main"),
    ],
)
def test_pip_address(repository, address):
    assert pip_address(repository, "main") == address


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({}, "this computer"),
        ({"COLAB_RELEASE_TAG": "release"}, "Colab"),
        ({"COLAB_RELEASE_TAG": ""}, "this computer"),
        ({"BINDER_LAUNCH_HOST": "https://mybinder.org/"}, "Binder"),
        ({"BINDER_SERVICE_HOST": "10.0.0.1"}, "Binder"),
    ],
)
def test_where(monkeypatch, variables, place):
    for name in ("COLAB_RELEASE_TAG", "BINDER_LAUNCH_HOST", "BINDER_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert start.where() == place


def test_start_lab_here_says_what_it_runs_on_and_returns_the_profile(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    profile = start.start_lab(LAB)
    printed = capsys.readouterr().out
    assert (profile.name, profile.device) == ("ci", "cpu")
    assert printed.startswith(f"{LAB} is ready on this computer.\n") and "at most 60 seconds" in printed


def test_a_gpu_is_named(monkeypatch):
    import torch

    from course_lib.training import Profile

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    assert "cuda (Tesla T4)" in start.describe(LAB, "Colab", Profile("gpu", "cuda"))


def test_requirements_of_a_bare_clone_come_from_pyproject(monkeypatch):
    installed = start._requirements()

    def absent(name):
        raise start.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(start.importlib.metadata, "requires", absent)
    names = [start._name(requirement) for requirement in start._requirements()]
    assert {"torch", "scikit-image", "nilearn"} <= set(names)
    assert sorted(names) == sorted(start._name(requirement) for requirement in installed)


def test_every_requirement_of_the_library_has_a_module_that_is_found(monkeypatch):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    monkeypatch.setattr(start, "_requirements", lambda: project["dependencies"])
    assert start.missing_requirements() == []


def test_nothing_is_missing_here_and_an_invented_library_is(monkeypatch):
    assert start.missing_requirements() == []
    monkeypatch.setattr(start, "_requirements", lambda: ["scikit-image>=0.22", "no-such-library-at-all>=1"])
    assert start.missing_requirements() == ["no-such-library-at-all>=1"]


def test_start_lab_stops_where_something_is_missing_and_names_the_command(monkeypatch):
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    monkeypatch.setattr(start, "missing_requirements", lambda: ["nilearn>=0.11"])
    monkeypatch.setattr(start, "install_missing", lambda missing: pytest.fail("nobody asked"))
    with pytest.raises(RuntimeError, match=r'pip install "nilearn>=0.11"'):
        start.start_lab(LAB)


@pytest.mark.parametrize(("place", "install"), [("Colab", None), ("this computer", True)])
def test_start_lab_installs_on_colab_or_when_asked(monkeypatch, place, install):
    monkeypatch.setenv("COURSE_PROFILE", "ci")
    missing = ["nilearn>=0.11"]
    monkeypatch.setattr(start, "where", lambda: place)
    monkeypatch.setattr(start, "missing_requirements", lambda: list(missing))
    monkeypatch.setattr(start, "install_missing", lambda given: missing.clear())
    assert start.start_lab(LAB, install=install).name == "ci"
    assert missing == []


def test_install_missing_holds_the_three(monkeypatch):
    seen = {}

    def run(command, **options):
        seen["command"], seen["held"] = command, Path(command[command.index("-c") + 1]).read_text().split()
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(start.subprocess, "run", run)
    start.install_missing(["nilearn>=0.11"])
    assert [line.partition("==")[0] for line in seen["held"]] == ["torch", "torchvision", "numpy"]
    assert seen["command"][-1] == "nilearn>=0.11" and seen["command"][1:4] == ["-m", "pip", "install"]


def test_install_missing_never_installs_torch(monkeypatch):
    monkeypatch.setattr(start.subprocess, "run", lambda *a, **k: pytest.fail("pip was run"))
    with pytest.raises(RuntimeError, match="no torch and no numpy"):
        start.install_missing(["torch>=2.6", "numpy>=1.26", "nilearn>=0.11"])


def test_install_missing_tells_what_pip_said(monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no matching distribution")
    monkeypatch.setattr(start.subprocess, "run", lambda *a, **k: failed)
    with pytest.raises(RuntimeError, match=r"(?s)What to do.*no matching distribution"):
        start.install_missing(["nilearn>=0.11"])
