"""What every lab's first cell calls: complete the environment, say where the lab runs, choose the profile."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from course_lib.training import Profile

# Colab builds these to fit its machines; replacing one breaks the others until the runtime restarts.
NEVER_INSTALLED = ("torch", "torchvision", "numpy")
# Only what is imported under another name than it is installed under.
# the module of a package, where it is called otherwise
MODULES = {
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
    "python-calamine": "python_calamine",
    "pywavelets": "pywt",
}
BUDGETS = {
    "ci": "meant to take at most 60 seconds: it proves that everything runs, its results mean little",
    "cpu": "meant to take at most 5 minutes on 2 cores and 2 GB of memory",
    "gpu": "meant to take at most 45 minutes on a 16 GB card",
}


def start_lab(name: str, *, install: bool | None = None) -> Profile:
    """Make a lab ready and say in words what it runs on.

    Used by the first cell of every lab.

    Args:
        name: the notebook's name, printed.
        install: install the libraries that are missing (default: on Colab only); torch, torchvision and numpy are never
            installed or changed.

    Returns:
        The profile (`course_lib.training.profile`).

    Raises:
        RuntimeError: something is missing and cannot be installed; the message says what to do.
    """
    place = where()
    missing = missing_requirements()
    if missing and (install or (install is None and place == "Colab")):
        install_missing(missing)
        missing = missing_requirements()
    if missing:
        names = " ".join(f'"{requirement}"' for requirement in missing)
        raise RuntimeError(
            f"These libraries are missing: {', '.join(missing)}. What to do: in a terminal here run\n"
            f"    {Path(sys.executable).name} -m pip install {names}\n"
            "or set the course up again (README, 'Student'), then restart the kernel and run this cell again."
        )
    from course_lib import student, training

    student.watch()
    student.show_sentences_first()
    profile = training.profile()
    print(describe(name, place, profile))
    return profile


def where() -> str:
    """The place this Python runs.

    Returns:
        "Colab", "Binder" or "this computer".
    """
    if os.environ.get("COLAB_RELEASE_TAG") or "google.colab" in sys.modules:
        return "Colab"
    if os.environ.get("BINDER_LAUNCH_HOST") or os.environ.get("BINDER_SERVICE_HOST"):
        return "Binder"
    return "this computer"


def missing_requirements() -> list[str]:
    """The requirements of course_lib whose module is not to be found here.

    Returns:
        Such as "nilearn>=0.11".
    """
    importlib.invalidate_caches()
    found = [(requirement, _name(requirement)) for requirement in _requirements()]
    return [req for req, name in found if importlib.util.find_spec(MODULES.get(name, name)) is None]


def install_missing(missing: list[str]) -> None:
    """pip-install requirements while torch, torchvision and numpy are held at the versions that are here.

    Args:
        missing: requirements, such as "nilearn>=0.11".

    Raises:
        RuntimeError: one of the three is itself missing or pip fails; the message says what to do.
    """
    absent = [name for name in NEVER_INSTALLED if name in map(_name, missing)]
    if absent:
        raise RuntimeError(
            f"This machine has no {' and no '.join(absent)}, which the course never installs on its own. "
            "What to do: on Colab choose Runtime > Disconnect and delete runtime, then run this cell again; "
            "elsewhere follow 'Student' in the course's README."
        )
    held = [f"{name}=={importlib.metadata.version(name)}" for name in NEVER_INSTALLED]
    print(f"Installing what is missing here: {', '.join(missing)} …")
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "held.txt")
        constraints.write_text("\n".join(held) + "\n")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "-c", str(constraints), *missing]
        result = subprocess.run(command, capture_output=True, text=True)
    importlib.invalidate_caches()
    if result.returncode != 0:
        raise RuntimeError(
            f"pip could not install {', '.join(missing)}. What to do: see that you are online and run this "
            f"cell again; if it still fails, send your instructor these lines:\n{result.stderr[-1500:]}"
        )


def describe(name: str, place: str, profile: Profile) -> str:
    """The lines that a lab prints first: place, device, profile and its budget, versions.

    Args:
        name: the notebook's.
        place: as `where` gives it.
        profile: `course_lib.training.profile`'s.

    Returns:
        The lines, as one text.
    """
    import numpy
    import torch

    from course_lib import __version__, profiles

    device = torch.device(profile.device)
    gpu = device.type == "cuda"
    chip = torch.cuda.get_device_name(device) if gpu else f"{os.cpu_count()} cores"
    chip += "; networks train on the Apple GPU, mps" if profiles.network_device() == "mps" else ""
    return "\n".join(
        [
            f"{name} is ready on {place}.",
            f"  device    {device} ({chip})",
            f"  profile   {profile.name}: {BUDGETS[profile.name]}",
            f"  versions  Python {platform.python_version()}, torch {torch.__version__}, "
            f"numpy {numpy.__version__}, course_lib {__version__}",
        ]
    )


def _requirements() -> list[str]:
    """What course_lib needs to run, without its extras: from its metadata, else from pyproject.toml."""
    try:
        found = importlib.metadata.requires("course_lib") or []
    except importlib.metadata.PackageNotFoundError:
        text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
        found = tomllib.loads(text)["project"]["dependencies"]
    return [requirement for requirement in found if ";" not in requirement]


def _name(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower()
