"""What is installed, shipped and imported: the files beside the library say the same as pyproject.toml."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# conda-forge's name where it is not PyPI's: the CPU build of torch, and matplotlib without its window toolkit
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}


def _copy(target: Path) -> Path:
    """A copy of what a clone holds, enough for Binder and for a wheel."""
    hidden = shutil.ignore_patterns(".venv*", ".git", "__pycache__", ".*_cache", "artifacts", "*.db")
    return shutil.copytree(ROOT, target, symlinks=True, ignore=hidden)


def test_environment_says_what_pyproject_says():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["channels"][0] == "conda-forge"
    listed = {re.match(r"[\w.-]+", entry)[0]: entry for entry in environment["dependencies"]}
    python = Version(listed.pop("python").partition("=")[2])
    assert python in Requirement(f"python{PROJECT['requires-python']}").specifier
    del listed["pip"]
    wanted = {}
    for text in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["instructor"]:
        requirement = Requirement(text)
        name = CONDA_NAMES.get(requirement.name, requirement.name)
        wanted[name] = f"{name}{requirement.specifier}"
    assert listed == wanted


def test_constraints_lie_within_the_bounds_and_name_every_requirement():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    lines = [line.partition(" ;")[0] for line in lines]  # a marker says where it holds
    held = dict(line.split("==") for line in lines)
    assert not [version for version in held.values() if Version(version).local]
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        for requirement in map(Requirement, texts):
            assert Version(held[canonicalize_name(requirement.name)]) in requirement.specifier


def test_binder_has_the_same_environment_file_not_a_copy():
    link = ROOT / "binder" / "environment.yml"
    assert link.is_symlink() and os.readlink(link) == "../environment.yml"
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


def test_repo2docker_takes_the_repository_for_a_conda_one(tmp_path, monkeypatch):
    buildpacks = pytest.importorskip("repo2docker.buildpacks")
    from repo2docker.app import Repo2Docker

    monkeypatch.chdir(_copy(tmp_path / "course"))
    # in the order in which repo2docker itself asks them; the first that says yes builds
    packs = (kind("docker.io/library/buildpack-deps:noble") for kind in Repo2Docker().buildpacks)
    first = next(pack for pack in packs if pack.detect())
    assert type(first) is buildpacks.CondaBuildPack
    assert first.python_version.startswith("3.12")
    first.platform = "linux/amd64"
    dockerfile = first.render({"NB_UID": "1000", "NB_USER": "jovyan"})
    assert re.search(r'env update -p \S+ --file "binder/environment.yml"', dockerfile)
    assert "COPY --chown=1000:1000 src/binder/environment.yml" in dockerfile
    assert "./binder/postBuild" in dockerfile.split("COPY --chown=1000:1000 src/ ")[1]


def test_wheel_holds_the_library_and_its_samples_and_is_small(tmp_path):
    copy = _copy(tmp_path / "course")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    result = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert wheel.stat().st_size < 13e6, "Colab and Binder download this: 12 MB of samples and models at most"
    samples = {path.name for path in (ROOT / "course_lib/data/samples").iterdir() if path.is_file()}
    assert samples and {f"course_lib/data/samples/{name}" for name in samples} <= set(names)
    models = {path.name for path in (ROOT / "course_lib/models/trained").glob("*.safetensors")}
    assert models and {f"course_lib/models/trained/{name}" for name in models} <= set(names)
    questions = {path.name for path in (ROOT / "course_lib/student/questions").glob("*.json")}
    assert questions and {f"course_lib/student/questions/{name}" for name in questions} <= set(names)
    assert not [name for name in names if name.endswith(".ipynb")]
    tops = {"course_lib", "course_staff", "course_lib-0.2.0.dist-info", "course_lib-0.2.0.data"}
    assert {name.split("/")[0] for name in names} == tops
    assert "course_lib-0.2.0.data/data/etc/jupyter/labconfig/default_setting_overrides.json" in names
    assert any(name.endswith("entry_points.txt") for name in names)


IMPORT_ALL = """
import importlib, pkgutil, random, sys
import numpy, torch
before = torch.random.get_rng_state(), torch.initial_seed(), torch.get_num_threads(), torch.is_grad_enabled()
numpy_before, random_before = numpy.random.get_state()[1].copy(), random.getstate()
import course_lib
for name in {modules}:
    importlib.import_module(name)
after = torch.random.get_rng_state(), torch.initial_seed(), torch.get_num_threads(), torch.is_grad_enabled()
assert torch.equal(before[0], after[0]) and before[1:] == after[1:], "importing changed the state of torch"
assert (numpy.random.get_state()[1] == numpy_before).all(), "importing changed the state of numpy"
assert random.getstate() == random_before, "importing changed the state of random"
print(*sorted({heavy} & set(sys.modules)))
"""
HEAVY = {
    "matplotlib",
    "accelerate",
    "nbgrader",
    "skimage",
    "pywt",
    "torchvision",
    "nibabel",
    "nilearn",
    "IPython",
    "ipywidgets",
    "safetensors",
}


def _modules(package: str) -> dict[str, Path]:
    """All modules of a package by dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def test_importing_any_science_module_is_light_and_leaves_the_random_state_alone():
    modules = list(_modules("course_lib"))
    code = IMPORT_ALL.format(modules=modules, heavy=HEAVY)
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [], "imported before it is used"


def _imports(path: Path) -> set[str]:
    """Dotted names that a module imports, inside functions too, those under `if TYPE_CHECKING` left out."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # a relative import counts its dots from the folder the module lies in
            folder = path.relative_to(ROOT).parts[: -node.level] if node.level else ()
            start = ".".join([*folder, *([node.module] if node.module else [])])
            found |= {f"{start}.{alias.name}" for alias in node.names}
    return found


def _tops(path: Path) -> set[str]:
    """The top packages that a module imports."""
    return {name.split(".")[0] for name in _imports(path)}


#: Imports within the two packages are import-linter's business (pyproject.toml); these are what they take from others.
GROUND = {"noise", "metrics", "kspace", "resolution"}
#: A k-d tree is no work of numpy or torch; it is imported when a distance is asked for.
ALLOWED_BESIDES = {"course_lib.metrics.surfaces": {"scipy"}}


def _layer(name: str) -> str:
    """The part of the house a module belongs to: "noise" for course_lib.noise.rice, "" for the package itself."""
    return name.split(".")[1] if "." in name else ""


@pytest.mark.parametrize("name", [name for name in _modules("course_lib") if _layer(name) in GROUND])
def test_the_ground_stands_on_numpy_and_torch_alone(name):
    allowed = {"numpy", "torch", "course_lib"} | ALLOWED_BESIDES.get(name, set()) | sys.stdlib_module_names
    for imported in _imports(_modules("course_lib")[name]):
        assert imported.split(".")[0] in allowed, f"{name} imports {imported}"


#: What compares the arrays that answers give, and what puts settings of numpy and torch back.
COMPARE_VALUES = {
    "course_staff.sandbox.inside.plain",
    "course_staff.sandbox.inside.settings",
    "course_staff.sandbox.inside.values",
    "course_staff.marking.hidden_values",
    "course_staff.proof.values_proof",
}


@pytest.mark.parametrize("name", _modules("course_staff"))
def test_the_staffs_side_needs_no_science(name):
    heavy = {"torch", "torchvision", "numpy", "scipy", "skimage"} - ({"numpy"} if name in COMPARE_VALUES else set())
    assert not _tops(_modules("course_staff")[name]) & heavy


@pytest.mark.parametrize("name", _modules("course_lib"))
def test_the_library_needs_nothing_of_the_instructors(name):
    assert not _tops(_modules("course_lib")[name]) & {"nbgrader", "jupytext", "nbformat", "nbconvert"}
