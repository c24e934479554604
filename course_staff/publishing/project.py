"""The files around the students' labs, each made from the staff's own: nothing is written twice."""

from __future__ import annotations

import json
import re
import tomllib

from course_staff.authoring.source import Address

#: The extras of pyproject.toml that are a student's business.
EXTRAS = ("lab",)
_BLOCK = r"^<!-- {name}:begin -->\n.*?^<!-- {name}:end -->\n"
_INLINE = r"<!-- {name}:begin -->.*?<!-- {name}:end -->"


def readme(text: str, *, badges: bool) -> str:
    """README.md without what stands between `staff` marks; without badges also what tells about them."""
    for name in ["staff"] if badges else ["staff", "badges"]:
        text = re.sub(_BLOCK.format(name=name), "", text, flags=re.DOTALL | re.MULTILINE)
        text = re.sub(_INLINE.format(name=name), "", text, flags=re.DOTALL)
    return re.sub(r"^<!-- badges:(begin|end) -->\n", "", text, flags=re.MULTILINE)


def pyproject(text: str, address: Address) -> str:
    """pyproject.toml with a student's extras and command, the address of the copy, and no tools of the staff."""
    staff = tomllib.loads(text)
    about = dict(staff["project"])
    extras = about.pop("optional-dependencies", {})
    about.pop("scripts", None)
    wheel = staff["tool"]["hatch"]["build"]["targets"]["wheel"]
    tables = {
        "build-system": staff["build-system"],
        "project": about,
        "project.optional-dependencies": {name: extras[name] for name in EXTRAS},
        "project.scripts": {"course": "course_lib.cli:main"},
        "tool.course": {"repository": address.repository, "branch": "main", "pin": address.branch},
        # an editable install then needs nothing but hatchling
        "tool.hatch.build": {"dev-mode-dirs": ["."]},
        "tool.hatch.build.targets.wheel": {"packages": ["course_lib"]},
        "tool.hatch.build.targets.wheel.shared-data": wheel["shared-data"],
    }
    return "\n".join(f"[{name}]\n{_entries(table)}" for name, table in tables.items())


def environment(text: str, pyproject: str) -> str:
    """environment.yml without the packages that only the staff needs."""
    extras = tomllib.loads(pyproject)["project"]["optional-dependencies"]
    kept = {_name(line) for name in EXTRAS for line in extras[name]}
    staff = {_name(line) for line in extras["instructor"]} - kept
    lines = [line for line in text.splitlines() if _name(line.removeprefix("  - ")) not in staff]
    first, *rest = lines
    return "\n".join([first, *(line for line in rest if not line.startswith("#"))]) + "\n"


def constraints(text: str) -> str:
    """constraints.txt under a heading for students."""
    pins = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(["# Versions with which the course was tested: `make lab` installs within them.", *pins]) + "\n"


def _entries(table: dict[str, object]) -> str:
    return "".join(f"{_key(name)} = {_value(value)}\n" for name, value in table.items())


def _key(name: str) -> str:
    return name if re.fullmatch(r"[\w-]+", name) else json.dumps(name)


def _value(value: object) -> str:
    """A value as TOML: texts as JSON writes them, which TOML reads alike, and lists and tables of them."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(name)} = {_value(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, list) and len(value) > 2:
        return "[\n" + "".join(f"    {_value(inner)},\n" for inner in value) + "]"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _name(requirement: str) -> str:
    found = re.match(r"[\w.-]+", requirement)
    return found[0] if found else ""
