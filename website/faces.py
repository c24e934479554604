"""What of `course_lib` is public, and under which name a reader meets it.

A subject is a package with a face, `__all__` of its `__init__`; the files behind it are private. `classical`, `models`
and `data` are open: each file without a leading underscore is a face of its own, as `course_lib.models.dae`. A name
that several faces hand on has one home, where its entry stands; the others refer to it.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.util import resolve_name
from typing import Any

LIBRARY = "course_lib"
# In the order in which a reader needs them, under the headings of the first page.
SUBJECTS = {
    "The ground": ("noise", "metrics", "kspace", "ct", "resolution", "mrs"),
    "Images": ("data", "images", "detection", "normative"),
    "What is compared and trained": ("classical", "models", "losses", "selfsupervised", "training", "profiles"),
    "Results": ("viz", "evaluation", "leaderboard"),
    "Your own scans": ("scans",),
    "In a lab": ("student", "exercise"),
}
OPEN = ("data", "classical", "models")
# What the commands, the set-up cell and the faces are made of: nothing that a reader imports.
BEHIND = ("apple_gpu", "cli", "closed_pipe", "doctor", "files", "project", "start", "translation")


@dataclass(frozen=True)
class Entry:
    """A public name, where its entry stands.

    Attributes:
        face: the page, as "noise" or "models.dae".
        name: as "rician".
        kind: "function", "class", "exception" or "data".
        found: what the name means.
        members: the documented methods and properties of a class, in the order of its source.
        comment: of a constant: the comment `#:` above it, else "".
    """

    face: str
    name: str
    kind: str
    found: Any = field(repr=False, compare=False)
    members: tuple[str, ...] = ()
    comment: str = ""

    @property
    def full(self) -> str:
        """As users import it: "course_lib.noise.rician"."""
        return f"{LIBRARY}.{self.face}.{self.name}"

    @property
    def docstring(self) -> str:
        return self.comment if self.kind == "data" else inspect.getdoc(self.found) or ""


@dataclass(frozen=True)
class Face:
    """A package or module that readers import.

    Attributes:
        name: as "noise" or "models.dae".
        docstring: its own.
        entries: the names that have their home here, in the order of `__all__` or of the source.
        elsewhere: {name: full name} of what it hands on.
    """

    name: str
    docstring: str
    entries: tuple[Entry, ...]
    elsewhere: dict[str, str]


@cache
def faces() -> dict[str, Face]:
    """All faces by name, in the order of the pages; one that only hands on what stands elsewhere has no page."""
    origins = {face: {name: _origin(f"{LIBRARY}.{face}", name) for name in _names(face)} for face in _modules()}
    homes: dict[tuple[str, str], str] = {}
    for face, found in origins.items():
        for origin in found.values():
            homes[origin] = min(homes.get(origin, face), face, key=partial(_distance, origin))
    result = {}
    for face, found in origins.items():
        module = importlib.import_module(f"{LIBRARY}.{face}")
        entries = tuple(_entry(face, name, origin) for name, origin in found.items() if homes[origin] == face)
        elsewhere = {
            name: f"{LIBRARY}.{homes[origin]}.{name}" for name, origin in found.items() if homes[origin] != face
        }
        if entries or face in OPEN:
            result[face] = Face(face, inspect.getdoc(module) or "", entries, elsewhere)
    return result


def _modules() -> list[str]:
    found = []
    for subjects in SUBJECTS.values():
        for subject in subjects:
            found.append(subject)
            if subject in OPEN:
                package = importlib.import_module(f"{LIBRARY}.{subject}")
                found += [
                    f"{subject}.{file.name}" for file in pkgutil.iter_modules(package.__path__) if file.name[0] != "_"
                ]
    return found


def _names(face: str) -> list[str]:
    """`__all__`; without one, what the file itself defines: functions, classes, and constants with a comment `#:`."""
    module = importlib.import_module(f"{LIBRARY}.{face}")
    listed = getattr(module, "__all__", None)
    if listed is not None or hasattr(module, "__path__"):
        return list(listed or [])
    return [
        name
        for name, what in _definitions(module.__name__).items()
        if not name.startswith("_") and (what != "data" or _comment(module.__name__, name))
    ]


def _distance(origin: tuple[str, str], face: str) -> tuple[bool, bool, bool, int]:
    """Home is a face of the same package, if possible one that lists its names, else the file itself."""
    module = importlib.import_module(f"{LIBRARY}.{face}")
    same = origin[0].split(".")[1] == face.partition(".")[0]
    return not same, not hasattr(module, "__all__"), module.__name__ != origin[0], len(face)


def _entry(face: str, name: str, origin: tuple[str, str]) -> Entry:
    found = getattr(importlib.import_module(f"{LIBRARY}.{face}"), name)
    if inspect.isclass(found):
        kind = "exception" if issubclass(found, BaseException) else "class"
        return Entry(face, name, kind, found, _members(found))
    if inspect.isroutine(found):
        return Entry(face, name, "function", found)
    return Entry(face, name, "data", found, comment=_comment(*origin))


def _members(found: type) -> tuple[str, ...]:
    kinds = (property, classmethod, staticmethod)
    return tuple(
        name
        for name, member in vars(found).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, kinds) or hasattr(member, "func"))
        and getattr(member, "__doc__", None)
    )


def _origin(module: str, name: str) -> tuple[str, str]:
    """The file and the name under which it is written, behind however many `from … import …`."""
    for statement in ast.walk(_tree(module)):
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                source = resolve_name(f"{'.' * statement.level}{statement.module or ''}", _package(module))
                if (alias.asname or alias.name) == name and source.startswith(LIBRARY):
                    return _origin(source, alias.name)
    return module, name


def _package(module: str) -> str:
    return importlib.import_module(module).__package__ or ""


def _definitions(module: str) -> dict[str, str]:
    """{name: "def" or "data"} of what stands at the left of a module, in order."""
    found: dict[str, str] = {}
    for statement in _tree(module).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found[statement.name] = "def"
        for target in _targets(statement):
            found[target] = "data"
    return found


def _targets(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Assign):
        parts = [part for target in statement.targets for part in getattr(target, "elts", [target])]
    elif isinstance(statement, ast.AnnAssign):
        parts = [statement.target]
    else:
        parts = []
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _comment(module: str, name: str) -> str:
    """The lines `#: …` above the constant, or behind it."""
    lines = _source(module).splitlines()
    for statement in _tree(module).body:
        if name in _targets(statement):
            behind = lines[statement.lineno - 1].partition("  #: ")[2]
            if behind:
                return behind
            first = last = statement.lineno - 1
            while first and lines[first - 1].startswith("#:"):
                first -= 1
            return "\n".join(line[2:].removeprefix(" ").rstrip() for line in lines[first:last])
    return ""


@cache
def _source(module: str) -> str:
    return inspect.getsource(importlib.import_module(module))


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_source(module))
