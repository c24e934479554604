"""The students' copy of this very course, whole: it installs, it runs, and it holds no answer.

Nothing is downloaded: a copy installs itself into an environment that borrows the packages of this one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import nbformat
import pytest

from course_staff.publishing import project
from course_staff.publishing.publish import publish

ROOT = Path(__file__).resolve().parents[3]
LAB = "lab00_orientation"
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # git knows it without being told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def remote(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("remote") / "course"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", path], check=True)
    return path


@pytest.fixture(scope="module")
def copy(remote, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("students") / "course"
    publish(ROOT, folder, str(remote))
    return folder


@pytest.fixture
def python(tmp_path) -> Path:
    """The Python of an environment that has all packages of this one, but not the course."""
    venv.create(tmp_path / "venv", symlinks=True)
    packages = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    # a folder that is named in a .pth file is on the path, but its own .pth files, as ours of the course, are not read
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return tmp_path / "venv" / "bin" / "python"


def _run(python: Path, folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess:
    ours = ("PIP_", "COURSE_", "COV", "PYTHON", "BINDER", "COLAB", "GIT_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # pip reads PIP_NO_BUILD_ISOLATION the wrong way round: "false" is what switches the isolation off
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_CONFIG_FILE": os.devnull}
    own = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}", "COURSE_PROFILE": "ci", "MPLBACKEND": "agg"}
    environment = kept | offline | own | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture
def installed(python, copy) -> Path:
    """The same, after Binder's postBuild: the copy is installed."""
    pip = [sys.executable, "-c", "import pip"]
    if subprocess.run(pip).returncode:
        pytest.skip("there is no pip in this environment")
    done = _run(python, copy, "bash", "binder/postBuild")
    assert done.returncode == 0, done.stderr
    return python


def _code(copy: Path, lab: str) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(copy / "labs" / lab / f"{lab}.ipynb", as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_holds_what_a_student_needs_and_nothing_else(copy):
    listed = subprocess.run(["git", "ls-files"], cwd=copy, capture_output=True, text=True, check=True).stdout
    tops = {name.split("/")[0] for name in listed.splitlines()}
    assert tops == {
        ".gitignore",
        "CITATION.cff",
        "LICENSE",
        "LICENSE-texts",
        "Makefile",
        "README.md",
        "binder",
        "constraints.txt",
        "course_lib",
        "environment.yml",
        "jupyter",
        "labs",
        "lectures",
        "pyproject.toml",
        "scripts",
    }
    labs = {path.stem for path in (ROOT / "solutions").glob("lab*.py") if not path.stem.endswith(".wrong")}
    assert {path.stem for path in copy.glob("labs/lab*/*.ipynb")} == labs
    lectures = {path.stem for path in (ROOT / "lectures").glob("*.py")}
    there = {path.name for path in (copy / "lectures").iterdir()}
    assert there == {"glossary.md", *(f"{name}.ipynb" for name in lectures)}
    settings = tomllib.loads((copy / "pyproject.toml").read_text())
    assert settings["project"]["scripts"] == {"course": "course_lib.cli:main"}
    assert set(settings["project"]["optional-dependencies"]) == {"lab"}
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["project"]["dependencies"] == ours["project"]["dependencies"]
    assert set(settings["tool"]) == {"course", "hatch"}
    environment = (copy / "environment.yml").read_text()
    assert "jupyterlab" in environment and "nbgrader" not in environment and "jupytext" not in environment


def test_no_answer_is_in_it_or_in_its_history(copy):
    """By other means than `course publish` itself looks: in the text of all commits, for the marked blocks' lines."""
    command = ["git", "log", "-p", "--all", "--text", "--format=%B"]
    history = subprocess.run(command, cwd=copy, capture_output=True, check=True).stdout.decode(errors="replace")
    for word in ("BEGIN SOLUTION", "BEGIN HIDDEN", "HIDDEN VALUE:", "wrong.py", "BEGIN MARK SCHEME"):
        assert word not in history
    sources = [path for path in (ROOT / "solutions").glob("lab*.py") if not path.stem.endswith(".wrong")]
    texts = {path.name: path.read_text() for path in sources}
    marked = re.compile(r"### BEGIN (SOLUTION|HIDDEN TESTS)\n(.*?)### END \1", re.DOTALL)
    # what the library, a lecture or an open cell says is no secret
    shown = [path.read_text() for folder in ("course_lib", "lectures") for path in (ROOT / folder).rglob("*.py")]
    shown = "\n".join([*shown, *(marked.sub("", text) for text in texts.values())])
    looked_for = 0
    for name, text in texts.items():
        lines = [line.strip() for _, block in marked.findall(text) for line in block.splitlines()]
        for line in lines:
            if len(line) >= 30 and line not in shown:
                looked_for += 1
                assert json.dumps(line, ensure_ascii=False)[1:-1] not in history, f"{name}: {line}"
        for value in re.findall(r"### HIDDEN VALUE: *(.+)", text):
            looked_for += 1
            assert json.dumps(value, ensure_ascii=False)[1:-1] not in history, f"{name}: {value}"
    assert looked_for > 100


def test_its_links_lead_somewhere_and_its_make_needs_nothing_of_the_staff(copy):
    for name in ("README.md", "labs/START.md", "lectures/glossary.md"):
        text = (copy / name).read_text()
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (copy / name).parent.joinpath(link).exists(), f"{name}: {link}"
        for word in ("staff", "course build", "course check", "course grade", "make test", "OWNER/NAME", "badge"):
            assert word not in text, f"{name}: {word}"
    for target in ("lab", "doctor", "help"):
        done = subprocess.run(["make", "-n", target], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0 and "course build" not in done.stdout, done.stderr
    # what tests/test_student_lab.py and the browser prove of the course's own `make lab` holds for this one
    ours, theirs = (
        subprocess.run(["make", "-n", "lab"], cwd=folder, capture_output=True, text=True, check=True).stdout
        for folder in (ROOT, copy)
    )
    opens = theirs.partition("PATH=")[2]
    assert opens and opens.replace(str(copy), str(ROOT)) == ours.partition("PATH=")[2]
    assert os.access(copy / "binder" / "postBuild", os.X_OK)
    assert (copy / "binder" / "environment.yml").read_text() == (copy / "environment.yml").read_text()


def test_badges_and_what_is_said_of_them_come_with_an_address_on_github():
    text = (ROOT / "README.md").read_text()
    assert "**Colab**" in project.readme(text, badges=True) and "**Colab**" not in project.readme(text, badges=False)
    assert "badges:" not in project.readme(text, badges=True)


def test_it_installs_its_doctor_is_content_and_a_lab_runs_up_to_its_first_exercise(copy, installed):
    done = _run(installed, copy, "course", "doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(rf"^OK +address +{re.escape(str(publish_address(copy)))}", done.stdout, re.MULTILINE)
    assert _run(installed, copy, "course", "build").returncode == 2, "no command of a student"
    settings = installed.parents[1] / "etc" / "jupyter" / "labconfig" / "default_setting_overrides.json"
    assert "Markdown Preview" in settings.read_text(), "JupyterLab opens START.md as a page without `make`, too"
    cells = []
    for cell in _code(copy, LAB):
        if cell.metadata.get("nbgrader", {}).get("solution"):
            break
        cells.append(cell.source)
    assert len(cells) >= 2
    script = "import sys, json\nfrom IPython.core.interactiveshell import InteractiveShell\n"
    script += "shell = InteractiveShell.instance()\nfor cell in json.load(sys.stdin):\n"
    script += "    shell.run_cell(cell).raise_error()\nimport course_lib\nprint(course_lib.__file__)\n"
    (installed.parent / "cells.json").write_text(json.dumps(cells))
    command = f'python -c "$SCRIPT" < {installed.parent / "cells.json"}'
    done = _run(installed, copy / "labs" / LAB, "bash", "-c", command, SCRIPT=script)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{LAB} is ready" in done.stdout and str(copy / "course_lib" / "__init__.py") in done.stdout
    assert subprocess.run(["git", "status", "--porcelain"], cwd=copy, capture_output=True, text=True).stdout == ""


def publish_address(copy: Path) -> str:
    return tomllib.loads((copy / "pyproject.toml").read_text())["tool"]["course"]["repository"]


def test_the_first_cell_alone_installs_the_pinned_version(copy, remote, python, tmp_path):
    cell = _code(copy, LAB)[0].source
    assert f"git+file://{remote}@v1" in cell
    # what students get later changes nothing for a notebook that was handed out
    later = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit-tree", "-m", "empty", EMPTY_TREE]
    later = subprocess.run(later, cwd=remote, capture_output=True, text=True, check=True).stdout.strip()
    subprocess.run(["git", "update-ref", "refs/heads/main", later], cwd=remote, check=True)
    script = f"{cell}\nimport course_lib\nprint(course_lib.__file__)\n"
    folder = tmp_path / "content"
    folder.mkdir()
    done = _run(python, folder, "python", "-c", script, COLAB_RELEASE_TAG="t", HOME=str(folder))
    assert done.returncode == 0, done.stderr
    assert f"{LAB} is ready on Colab" in done.stdout and str(tmp_path / "venv") in done.stdout
