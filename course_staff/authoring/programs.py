"""What nbgrader needs around it to start, and to start fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def programs_on_path() -> None:
    """nbgrader starts `alembic` by name: find it also where the virtual environment was not activated."""
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]


def without_grammars() -> None:
    """Keep jsonschema, which nbgrader imports, from building a grammar of addresses: a second of each command.

    It checks formats `iri` only, which no schema of a notebook has, and does without where the package is missing.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
