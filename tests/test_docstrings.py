"""Docstrings in Google form: every argument is named, what comes back is told, sources and labs stand on their own."""

import dataclasses
import importlib
import inspect
import pkgutil
import re

import pytest

# Packages are looked at through their `__all__`, single files through their public names.
PACKAGES = [
    "course_lib.noise",
    "course_lib.metrics",
    "course_lib.kspace",
    "course_lib.resolution",
    "course_lib.mrs",
    "course_lib.losses",
    "course_lib.normative",
    "course_lib.training",
    "course_lib.evaluation",
    "course_lib.leaderboard",
    "course_lib.viz",
    "course_lib.viz.play",
    "course_lib.detection",
    "course_lib.images",
    "course_lib.profiles",
    *(
        f"course_lib.{package}.{info.name}"
        for package in ("classical", "models", "data")
        for info in pkgutil.iter_modules(importlib.import_module(f"course_lib.{package}").__path__)
        if not info.name.startswith("_")
    ),
]
SECTIONS = ["Args:", "Attributes:", "Returns:", "Yields:", "Raises:", "Source:", "Lab:"]


def public(package):
    """{qualified name: function or class}, each where it is written."""
    module = importlib.import_module(package)
    names = getattr(module, "__all__", None) or [
        name for name, found in vars(module).items() if not name.startswith("_") and _module(found) == package
    ]
    found = [getattr(module, name) for name in names]
    return {
        f"{_module(one)}.{one.__qualname__}": one for one in found if inspect.isclass(one) or inspect.isroutine(one)
    }


def _module(found):
    return getattr(found, "__module__", None)


PUBLIC = {name: found for package in PACKAGES for name, found in public(package).items()}


def parts(docstring):
    """The prose, and {section: its lines}, in the order in which they stand."""
    prose, found, current = [], {}, None
    for line in docstring.splitlines():
        head = re.match(r"(Args|Attributes|Returns|Yields|Raises):$|(Source|Lab): ", line)
        if head:
            current = f"{head[1] or head[2]}:"
            found[current] = [line[head.end() :]]
        elif current is None:
            prose.append(line)
        elif line.strip():
            found[current].append(line)
    return "\n".join(prose), found


def entries(lines):
    """The names that a section explains: `    first, second: what they are`."""
    heads = (re.match(r" {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*): \S", line) for line in lines)
    return [name.lstrip("*") for head in heads if head for name in head[1].split(", ")]


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def faults(found):
    """What is wrong with the docstring of a function or a class, in words."""
    docstring = inspect.cleandoc(found.__doc__ or "")
    if not docstring:
        return ["no docstring"]
    prose, sections = parts(docstring)
    wrong = [f"{where} {name} is not explained" for where, name in _missing(found, sections)]
    wrong += [f"{where} {name} does not exist" for where, name in _unknown(found, sections)]
    if inspect.isroutine(found) and _returns(found) and not {"Returns:", "Yields:"} & sections.keys():
        wrong.append("no Returns:")
    places = [SECTIONS.index(name) for name in sections]
    if places != sorted(places):
        wrong.append(f"order of the sections: {' '.join(sections)}")
    hidden = re.search(r"\b(Source|Lab|Raises|Args|Returns): ?|\bRaises [A-Z]\w+|[;.] [Ll]abs? \d\d", prose)
    if hidden:
        wrong.append(f"inside the prose: {hidden[0]!r}")
    for name in ("Source:", "Lab:"):
        if name in sections and any(re.match(r"\S", line) for line in sections[name][1:]):
            wrong.append(f"prose after {name}")
    if any(re.search(r"\b(Source|Lab): |[;.] [Ll]abs? \d\d", line) for lines in sections.values() for line in lines):
        wrong.append("Source: or Lab: inside a section")
    if "Lab:" in sections and not re.match(r"\d\d[a-z]?\b", sections["Lab:"][0]):
        wrong.append("Lab: does not begin with a number")
    return wrong


def _wanted(found):
    """{section: names that it has to explain}."""
    if not inspect.isclass(found):
        return {"Args:": parameters(found)}
    if dataclasses.is_dataclass(found):
        return {"Attributes:": [field.name for field in dataclasses.fields(found)]}
    if hasattr(found, "_fields"):
        return {"Attributes:": list(found._fields)}
    return {"Args:": parameters(vars(found)["__init__"]) if "__init__" in vars(found) else []}


def _missing(found, sections):
    return [
        (where, name)
        for where, names in _wanted(found).items()
        for name in names
        if name not in entries(sections.get(where, []))
    ]


def _unknown(found, sections):
    wanted = _wanted(found)
    return [
        (where, name)
        for where in ("Args:", "Attributes:")
        if where in wanted
        for name in entries(sections.get(where, []))
        if name not in wanted[where]
    ]


def _returns(function):
    return inspect.signature(function).return_annotation not in (None, "None", inspect.Signature.empty)


def methods(found):
    """The public methods that say more than a line; a short one says all in it."""
    plain = {name: inspect.unwrap(one) for name, one in vars(found).items() if inspect.isfunction(one)}
    return {
        name: one
        for name, one in plain.items()
        if not name.startswith("_") and len((one.__doc__ or "").split("\n")) > 1
    }


@pytest.mark.parametrize("name", PUBLIC)
def test_docstring(name):
    found = PUBLIC[name]
    assert faults(found) == []
    if inspect.isclass(found):
        assert {method: faults(one) for method, one in methods(found).items() if faults(one)} == {}


def good(image, sigma, *parts):
    """Do it.

    A word about it.

    Args:
        image: any shape.
        sigma, parts: numbers,
            two lines of them.

    Returns:
        The same.

    Raises:
        ValueError: bad input.

    Source: somebody 1999,
        equation 1.
    Lab: 04 and 05.
    """


good.__annotations__["return"] = "Array"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("sigma, parts", "sigma", "Args: parts is not explained"),
        ("sigma, parts", "sigma, parts, mask", "Args: mask does not exist"),
        ("Returns:\n    The same.", "", "no Returns:"),
        ("A word about it.", "A word. Raises ValueError on bad input.", "inside the prose: 'Raises ValueError'"),
        ("A word about it.", "A word. Source: somebody.", "inside the prose: 'Source: '"),
        ("A word about it.", "A word. Lab 04.", "inside the prose: '. Lab 04'"),
        ("equation 1.\nLab: 04 and 05.", "equation 1; lab 04.", "Source: or Lab: inside a section"),
        ("Lab: 04 and 05.", "Lab: later.", "Lab: does not begin with a number"),
        ("    equation 1.", "More prose.", "prose after Source:"),
        ("Source:", "Lab: 04.\n\nSource:", "order of the sections: Args: Returns: Raises: Lab: Source:"),
    ],
)
def test_faults_are_seen(monkeypatch, old, new, fault):
    docstring = inspect.getdoc(good)
    assert faults(good) == [] and old in docstring
    monkeypatch.setattr(good, "__doc__", docstring.replace(old, new))
    assert fault in faults(good)
