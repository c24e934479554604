"""Write constraints.txt: the versions installed here of all that the course needs, directly or not.

Run it in the environment in which `make test` has just passed:
.venv/bin/python scripts/freeze_constraints.py
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# Versions with which the tests passed: `make lab` and `make test` install within them (pip install -c).
# Made by scripts/freeze_constraints.py from an environment in which `make test` passed; do not edit by hand.
# Left out: what torch picks by itself for the machine it is on (CUDA libraries, triton).
"""
# torch names these exactly, per platform and per build
OF_TORCH = re.compile(r"nvidia-.*|cuda-.*|triton.*|pytorch-triton.*")

# There is no newer torch than 2.2 for Macs with an Intel processor: they take what there is.
NOT_ON_INTEL_MACS = ("torch", "torchvision")
MARKER = ' ; sys_platform != "darwin" or platform_machine == "arm64"'


def needed(pyproject: Path) -> set[str]:
    """Names of all installed packages that the project and its extras lead to, OF_TORCH left out."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    waiting = [Requirement(text) for texts in lists for text in texts]
    found: set[tuple[str, frozenset]] = set()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in found or OF_TORCH.fullmatch(name):
            continue
        found.add((name, extras))
        for text in importlib.metadata.requires(name) or []:
            below = Requirement(text)
            if below.marker is None or any(below.marker.evaluate({"extra": e}) for e in extras or {""}):
                waiting.append(below)
    return {name for name, _ in found}


def main() -> None:
    """Write the file; a package that is missing here raises PackageNotFoundError, naming it."""
    lines = []
    for name in sorted(needed(ROOT / "pyproject.toml")):
        # "2.9.0+cu130" is how a build names itself; the constraint holds for every build of that version
        version = Version(importlib.metadata.version(name)).public
        lines.append(f"{name}=={version}{MARKER if name in NOT_ON_INTEL_MACS else ''}")
    (ROOT / "constraints.txt").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    print(f"constraints.txt: {len(lines)} packages")


if __name__ == "__main__":
    main()
