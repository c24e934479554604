"""The reference: each public name has one entry, which says what the docstring says, and its links lead somewhere."""

import importlib
import inspect
import io
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest
from sphinx import addnodes
from sphinx.application import Sphinx

import course_lib
from website import reference
from website.docstrings import lab_pages, links, public_names
from website.faces import BEHIND, OPEN, SUBJECTS, faces
from website.restructured import first_sentence, rst

REPOSITORY = Path(__file__).parents[2]
LABS = lab_pages(f"labs/{path.name}" for path in (REPOSITORY / "labs").glob("lab*"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """{name of the page: its text}"""
    source = tmp_path_factory.mktemp("source")
    reference.write(REPOSITORY, source)
    return {path.stem: path.read_text("utf-8") for path in (source / "reference").glob("*.rst")}


def test_every_module_is_a_subject_or_behind_one():
    subjects = [name for names in SUBJECTS.values() for name in names]
    found = [module.name for module in pkgutil.iter_modules(course_lib.__path__) if not module.name.startswith("_")]
    assert sorted(found) == sorted([*subjects, *BEHIND])


def test_every_name_stands_on_one_page(pages):
    """Counted in the text of the pages, and compared with `__all__` of the modules themselves."""
    entries = Counter()
    for page, text in pages.items():
        entries.update(re.findall(r"^\.\. auto(?:function|class|exception):: (\S+)$", text, re.MULTILINE))
        entries.update(
            f"course_lib.{page}.{name}" for name in re.findall(r"^\.\. py:data:: (\S+)$", text, re.MULTILINE)
        )
    assert set(entries.values()) == {1}
    assert not [name for name in entries if "._" in name]

    described = Counter(id(_found(name)) for name in entries if callable(_found(name)))
    for face in _listed():
        module = importlib.import_module(face)
        for name in module.__all__:
            found = getattr(module, name)
            if callable(found):
                assert described[id(found)] == 1, f"{face}.{name}"
            else:
                assert [entry for entry in entries if entry.endswith(f".{name}")], f"{face}.{name}"


def _listed():
    """The faces that say what is public, by what the folders hold."""
    subjects = [f"course_lib.{name}" for names in SUBJECTS.values() for name in names]
    files = [
        f"course_lib.{package}.{file.name}"
        for package in OPEN
        for file in pkgutil.iter_modules(importlib.import_module(f"course_lib.{package}").__path__)
        if not file.name.startswith("_")
    ]
    return [name for name in [*subjects, *files] if hasattr(importlib.import_module(name), "__all__")]


def _found(full):
    module, _, name = full.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_a_name_stands_where_users_import_it():
    entries = {entry.full for face in faces().values() for entry in face.entries}
    assert {
        "course_lib.noise.rician",
        "course_lib.kspace.DataConsistency",
        "course_lib.data.digits",
        "course_lib.data.brains.read_volume",  # from data.volumes
        "course_lib.classical.bm3d.bm3d",
        "course_lib.models.load",  # from models.saved
        "course_lib.noise.noising",  # also handed on by training
    } <= entries
    assert faces()["training"].elsewhere["noising"] == "course_lib.noise.noising"


def test_every_entry_says_something():
    """A constant has its comment `#:`, all else its docstring; the first sentence is whole."""
    entries = [entry for face in faces().values() for entry in face.entries]
    assert [entry.full for entry in entries if not first_sentence(entry.docstring)] == []
    assert [entry.full for entry in entries if first_sentence(entry.docstring).count("`") % 2] == []


def test_links_on_the_pages_lead_to_entries(pages):
    targets = set(public_names().values())
    documents = {*(f"reference/{page}" for page in pages), *LABS.values()}
    for page, text in pages.items():
        assert set(re.findall(r":py:obj:`[^`<]+ <([^`>]+)>`", text)) <= targets
        found = re.findall(r":doc:`[^`<]+ <([^`>]+)>`", text)
        assert {name[1:] if name.startswith("/") else f"reference/{name}" for name in found} <= documents, page


def test_labs_that_docstrings_name_exist():
    for face in faces().values():
        docstrings = {face.name: face.docstring} | {entry.full: entry.docstring for entry in face.entries}
        for entry in face.entries:
            docstrings |= {f"{entry.full}.{name}": _found(entry.full).__dict__[name].__doc__ for name in entry.members}
        for name, docstring in docstrings.items():
            said = re.findall(r"\b[Ll]abs? (\d\d[a-z]?)\b", docstring)
            said += re.findall(r"\b\d\d[a-z]?\b", "".join(re.findall(r"^ *Lab: (.*)", docstring, re.MULTILINE)))
            assert set(said) <= LABS.keys(), name


def shown(docstring, name="course_lib.noise.rician", found=None):
    link = links(name, found if found is not None else course_lib.__name__)
    return rst(inspect.cleandoc(docstring), link=link, labs={"04": "labs/lab04_noise", "00b": "labs/lab00b_first"})


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("Adds noise.\n\nReturns:\n    The noisy image: same shape.", ":Returns: The noisy image: same shape."),
        ("Adds.\n\nArgs:\n    low, high: two numbers,\n        in order.", "* **low, high** -- two numbers, in order."),
        ("Adds.\n\nArgs:\n    *names: words.", r"* **\*names** -- words."),
        (
            'Adds.\n\nArgs:\n    kind: how.\n        - "a": one,\n          more.\n        - "b": two.',
            '* **kind** -- how.\n\n      * \\"a\\": one, more.\n      * \\"b\\": two.',
        ),
        ("Adds.\n\nRaises:\n    TypeError, ValueError: bad.", ":Raises:\n    * **TypeError, ValueError** -- bad."),
        ("Adds.\n\nSource: Foi 2011: the\n    recursion.", ":Source: Foi 2011: the recursion."),
        ("Adds.\n\nSource: J. Smith 1999.", ":Source: J\\. Smith 1999."),
        ("Adds.\n\nLab: 04.", ":Lab: :doc:`04 </labs/lab04_noise>`."),
        ("Adds.\n\nLab: 04; used from lab 00b on.", "lab :doc:`00b </labs/lab00b_first>` on."),
        ("Adds.\n\nLab: 99.", ":Lab: 99."),
        ("As lab 04 shows.", "As :doc:`lab 04 </labs/lab04_noise>` shows."),
        ("Labs 00b and 04.", "Labs :doc:`00b </labs/lab00b_first>` and :doc:`04 </labs/lab04_noise>`."),
        ("Level 04 and `lab 04`.", "Level 04 and ``lab 04``."),
        ("So\n\n    y = M * x\n\nit is.", "So\n\n.. code-block:: python\n\n    y = M * x\n\nit is."),
        ("All:\n\n- one\n  more\n- two", "All:\n\n* one more\n* two"),
        ("A *word*, a **louder one.** And 2 * 3 * 4.", r"A *word*, a **louder one.** And 2 \* 3 \* 4."),
        ('|x|, x_, a\\b, "c"', r"\|x\|, x\_, a\\b, \"c\""),
        ("`f(x) <y>`, `.npz` and ``z``.", "``f(x) <y>``, ``.npz`` and ``z``."),
        ("Two `fit`s, x`y`.", "Two ``fit``\\ s, x\\ ``y``."),
        ("See `poisson`.", "See :py:obj:`poisson <course_lib.noise.poisson>`."),
        ("See `metrics.psnr()`.", "See :py:obj:`metrics.psnr() <course_lib.metrics.psnr>`."),
        ("See :func:`poisson`.", "See :py:obj:`poisson <course_lib.noise.poisson>`."),
        ("See `DataConsistency`.", "See :py:obj:`DataConsistency <course_lib.kspace.DataConsistency>`."),
        ("See `training.noising`.", "See :py:obj:`training.noising <course_lib.noise.noising>`."),
        ("See `rician`, `nothing`, `images`.", "See ``rician``, ``nothing``, ``images``."),
    ],
)
def test_a_docstring_as_restructured_text(docstring, expected):
    assert expected in shown(docstring)


def test_own_parameters_are_no_links():
    def corrupt(image, poisson):
        pass

    assert shown("`poisson` of it.", found=corrupt) == "``poisson`` of it.\n"
    assert ":py:obj:`images <course_lib.images>`" in shown("See `images`.", "course_lib.viz", course_lib)


def test_sphinx_reads_the_pages_without_a_warning(pages, tmp_path):
    source, warnings = tmp_path / "source", io.StringIO()
    (source / "reference").mkdir(parents=True)
    (source / "labs").mkdir()
    for page in ("noise", "kspace", "training"):
        text = pages[page]
        (source / "reference" / f"{page}.rst").write_text(text, "utf-8")
    (source / "reference" / "index.rst").write_text(":orphan:\n\n.. _arrays:\n\nReference\n=========\n", "utf-8")
    for document in LABS.values():
        (source / f"{document}.rst").write_text(":orphan:\n\nLab\n===\n", "utf-8")
    (source / "index.rst").write_text("Site\n====\n\n.. toctree::\n    :glob:\n\n    reference/[!i]*\n", "utf-8")
    settings = {"extensions": ["sphinx.ext.autodoc", "website.docstrings"]}
    app = Sphinx(
        source, None, tmp_path / "out", tmp_path / "doctrees", "dummy", settings, status=None, warning=warnings
    )
    app.build()
    assert warnings.getvalue() == ""

    objects = {name: (kind, page, anchor) for name, _, kind, page, anchor, _ in app.env.domains["py"].get_objects()}
    full = "course_lib.kspace.DataConsistency"
    assert objects[full] == ("class", "reference/kspace", full)  # what the search leads to
    assert objects["course_lib.noise.FILTERS"][0] == "data"
    training = app.env.get_and_resolve_doctree("reference/training", app.builder)
    parameters = {"".join(node.astext().split()) for node in training.findall(addnodes.desc_parameter)}
    assert {"train_loss:list[float]=[]", "metrics:dict[str,list[float]]={}"} <= parameters
    noise = app.env.get_and_resolve_doctree("reference/noise", app.builder)
    leads = {node.astext(): node.attributes for node in noise.findall() if node.tagname == "reference"}
    assert leads["Array"]["refuri"].endswith("#arrays")
