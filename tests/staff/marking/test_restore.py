"""Whatever is handed in, the instructor's tests and points are back, and the student's answers are found."""

import json
import random

import nbformat
import pytest

pytest.importorskip("nbgrader")

from classroom import scratch
from classroom.scratch import ANSWERS, Paper

from course_staff.marking.reading import read_lab_to_grade
from course_staff.marking.restore import MAX_OWN, MAX_SOURCE, Rejected, restore

ORDER = ["double", "double_test", "mse", "mse_test", "sign", "sign_test", "why"]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = scratch.make_course(tmp_path_factory.mktemp("course") / "here")
    return read_lab_to_grade(root, scratch.NAME, secret="secret")


@pytest.fixture
def paper(lab):
    return Paper(lab.cells, ANSWERS)


def names(restored):
    """The graded and answer cells in their order, and the student's own."""
    return [cell["id"] for cell in restored.cells if cell["id"] in ORDER or cell["id"].startswith("own")]


def source(restored, name):
    return next(cell["source"] for cell in restored.cells if cell["id"] == name)


def check(restored, lab):
    """What holds for each restored notebook."""
    notebook = {"cells": restored.cells, "metadata": lab.metadata, "nbformat": 4, "nbformat_minor": 5}
    nbformat.validate(nbformat.from_dict(json.loads(json.dumps(notebook))))
    released = {cell["id"]: cell for cell in lab.cells}
    for graded in lab.graded:
        cells = [cell for cell in restored.cells if cell["id"] == graded.name]
        assert len(cells) == 1
        assert cells[0]["metadata"] == released[graded.name]["metadata"]
        if not graded.by_hand:
            assert cells[0]["source"] == graded.source and graded.name in restored.runs
    tests = [cell["id"] for cell in restored.cells if cell["id"] in scratch.FULL]
    assert sorted(tests) == sorted(scratch.FULL)
    return restored


def test_an_honest_paper_keeps_its_order_and_answers(paper, lab):
    restored = check(restore(paper.bytes(), lab), lab)
    assert names(restored) == ORDER
    assert restored.notes == [] and restored.untouched == set() and restored.own == set()
    assert restored.answers["double"].strip() == ANSWERS["double"].strip()
    experiments = [cell["id"] for cell in restored.cells if "experiment" in cell["metadata"].get("tags", [])]
    assert len(experiments) == 1 and not set(experiments) & restored.runs


def strip_ids(paper):
    for cell in paper.cells:
        cell.pop("id", None)
        cell["metadata"] = {}
    paper.minor = 0


def only_metadata_stripped(paper):
    for cell in paper.cells:
        cell["metadata"] = {}


def ids_as_colab_keeps_them(paper):
    for cell in paper.cells:
        cell["metadata"] = {"id": cell.pop("id")}


def future_schema(paper):
    for cell in paper.cells:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"] = {"schema_version": 99, "grade_id": cell["metadata"]["nbgrader"]["grade_id"]}


def points_raised(paper):
    paper.cell("sign_test")["metadata"]["nbgrader"]["points"] = 200


def windows_lines(paper):
    for cell in paper.cells:
        cell["source"] = cell["source"].replace("\n", "\r\n")


def lines_as_lists(paper):
    for cell in paper.cells:
        cell["source"] = cell["source"].splitlines(keepends=True)


def other_types(paper):
    for name in ("double", "mse", "double_test"):
        cell = paper.cell(name)
        cell["cell_type"] = "markdown"
    paper.cell("why")["cell_type"] = "code"
    paper.cells[1]["cell_type"] = "raw"  # the imports


def tests_deleted(paper):
    for name in scratch.FULL:
        paper.delete(name)


def tests_on_top(paper):
    for name in scratch.FULL:
        cell = paper.cell(name)
        paper.cells.remove(cell)
        paper.cells.insert(0, cell)


def backwards(paper):
    paper.cells.reverse()


def shuffled(paper):
    random.Random(3).shuffle(paper.cells)


@pytest.mark.parametrize(
    "change",
    [
        strip_ids,
        only_metadata_stripped,
        ids_as_colab_keeps_them,
        future_schema,
        points_raised,
        windows_lines,
        lines_as_lists,
        other_types,
        tests_deleted,
        tests_on_top,
        backwards,
        shuffled,
    ],
)
def test_all_answers_are_found_in_their_places(paper, lab, change):
    change(paper)
    restored = check(restore(paper.bytes(), lab), lab)
    assert names(restored) == ORDER
    for name in ("double", "mse", "sign", "why"):
        assert restored.answers[name].strip() == ANSWERS[name].strip()
        assert source(restored, name).strip() == ANSWERS[name].strip()
    assert {"double", "mse", "sign"} <= restored.runs and "why" not in restored.runs
    assert restored.cells[1]["source"] == "import numpy as np" and restored.cells[1]["id"] in restored.runs


def test_format_3(paper, lab):
    cells = []
    for cell in paper.cells:
        key = "input" if cell["cell_type"] == "code" else "source"
        cells.append({"cell_type": cell["cell_type"], key: cell["source"], "metadata": {}, "language": "python"})
    cells[0] = {"cell_type": "heading", "level": 1, "source": "A heading"}
    content = {"worksheets": [{"cells": cells}], "metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0}
    restored = check(restore(json.dumps(content).encode(), lab), lab)
    assert restored.answers["mse"].strip() == ANSWERS["mse"].strip()
    assert restored.untouched == set()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_other_encodings(paper, lab, encoding):
    paper.answer("why", "Größe, 中文")
    text = json.dumps(paper.content(), ensure_ascii=False)
    assert restore(text.encode(encoding), lab).answers["why"].strip() == "Größe, 中文"


def test_an_answer_in_another_cell_is_found_by_its_name(paper, lab):
    paper.delete("double")
    paper.put(ANSWERS["double"], after="sign")
    restored = check(restore(paper.bytes(), lab), lab)
    order = names(restored)
    assert restored.answers["double"].strip() == ANSWERS["double"].strip()
    assert order.index("double_test") > order.index("double")


def test_an_answer_below_the_untouched_stub_counts_and_its_test_comes_after_it(paper, lab):
    paper.answer("double", lab.cell("double_test").stub)
    paper.put(ANSWERS["double"])
    restored = check(restore(paper.bytes(), lab), lab)
    order = names(restored)
    assert "double" not in restored.untouched
    assert order.index("double_test") == order.index("own-1") + 1
    assert "own-1" not in restored.own, "an answer is needed, also when it stands in a cell of the student's own"


def test_an_answer_written_into_the_test_cell_is_kept_as_an_answer(paper, lab):
    paper.answer("double", lab.cell("double_test").stub)
    paper.answer("double_test", ANSWERS["double"] + "assert double(1) == 2")
    restored = check(restore(paper.bytes(), lab), lab)
    assert "double" not in restored.untouched
    assert restored.answers["double"].startswith(ANSWERS["double"].strip())


def test_a_test_stays_where_the_student_has_it_below_a_cell_of_their_own(paper, lab):
    paper.put("double_again = double", after="double")
    restored = check(restore(paper.bytes(), lab), lab)
    assert names(restored)[:3] == ["double", "own-1", "double_test"]
    assert restored.own == {"own-1"}


def test_of_copied_answers_an_untouched_one_undoes_nothing(paper, lab):
    paper.copy("double")["source"] = lab.cell("double_test").stub
    restored = check(restore(paper.bytes(), lab), lab)
    running = [cell["source"] for cell in restored.cells if cell["id"] in restored.runs]
    assert not [text for text in running if "NotImplementedError" in text]
    assert source(restored, "double").strip() == ANSWERS["double"].strip()


def test_copied_tests_stand_once(paper, lab):
    paper.copy("double_test")
    paper.copy("double_test")["source"] = "assert True"
    restored = check(restore(paper.bytes(), lab), lab)
    assert names(restored) == ORDER
    assert any("double_test" in note for note in restored.notes)


def test_untouched_is_said_of_each_exercise(lab):
    restored = check(restore(Paper(lab.cells, {}).bytes(), lab), lab)
    assert restored.untouched == {"double", "mse", "sign", "why"}


def test_a_written_answer_in_a_text_cell_of_their_own_is_not_untouched(lab):
    paper = Paper(lab.cells, {})
    paper.put("I think that it is because of the squares.", kind="markdown")
    assert "why" not in restore(paper.bytes(), lab).untouched


def test_pictures_of_an_answer_are_kept_unless_their_names_or_sizes_are_odd(paper, lab):
    paper.cell("why")["attachments"] = {
        "formula.png": {"image/png": "aGVsbG8="},
        "../../evil.png": {"image/png": "aGVsbG8="},
        "page.html": {"text/html": "<script>"},
        "film.png": {"image/png": "A" * 1_000_000},
        "odd": 3,
    }
    restored = check(restore(paper.bytes(), lab), lab)
    kept = next(cell["attachments"] for cell in restored.cells if cell["id"] == "why")
    assert kept == {"formula.png": {"image/png": "aGVsbG8="}}


def test_outputs_never_come_along(paper, lab):
    for cell in paper.cells:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "execute_result", "data": {"text/plain": "9999"}, "metadata": {}}]
    restored = restore(paper.bytes(), lab)
    assert all(cell["outputs"] == [] for cell in restored.cells if cell["cell_type"] == "code")


def test_too_many_cells_and_too_long_ones(paper, lab):
    paper.put("x = '" + "x" * MAX_SOURCE + "'", before="double")
    for number in range(MAX_OWN + 5):
        paper.cells.append({"cell_type": "code", "metadata": {}, "source": f"y = {number}", "outputs": []})
    restored = check(restore(paper.bytes(), lab), lab)
    assert len(restored.own) == MAX_OWN
    assert len(restored.runs & restored.own) == MAX_OWN - 1
    assert len(restored.notes) == 2


def test_text_that_cannot_be_stored_is_cleaned(paper, lab):
    paper.put("x = '\\ud800'").update(source="x = '\ud800\x00'")
    restored = check(restore(paper.bytes(), lab), lab)
    json.dumps(restored.cells, ensure_ascii=False).encode()
    assert "\x00" not in source(restored, "own-1")


def test_numbers_that_python_refuses_and_forged_metadata(paper, lab):
    paper.metadata = {"x": float("nan"), "kernelspec": {"name": "../../bin/sh"}, "deep": [[[]]] * 10}
    paper.cells[0]["metadata"] = {"id": 7, "nbgrader": [], "tags": "experiment"}
    paper.cells[3]["id"] = {"a": 1}
    text = json.dumps(paper.content()).replace('"x": NaN', '"x": ' + "9" * 10_000)
    assert names(check(restore(text.encode(), lab), lab)) == ORDER


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"\xff\xfe\x00garbage", "JSON"),
        (b"{", "JSON"),
        (b"[" * 200_000, "JSON"),
        (b"[1, 2]", "no notebook"),
        (b'{"a": 1}', "no cells"),
        (b'{"cells": []}', "no cells"),
        (b'{"cells": [1, null, "x"]}', "no cells"),
        (b'{"worksheets": [3]}', "no cells"),
        (b'{"cells": [{"cell_type": "code", "source": "print(1)"}]}', "another lab"),
        (b'{"cells": [{"cell_type": 3, "source": {"a": 1}, "metadata": []}]}', "another lab"),
    ],
)
def test_what_is_no_notebook_of_this_lab_is_rejected_with_a_reason(lab, content, words):
    with pytest.raises(Rejected, match=words):
        restore(content, lab)


def test_no_mangled_notebook_raises_anything_else(paper, lab):
    """Property: any change of the JSON gives a graded notebook or Rejected."""
    odd = [None, 3, "x", [], {}, [1], {"cell_type": "code"}, True, float("nan"), "double_test"]
    for seed in range(300):
        draw = random.Random(seed)
        content = json.loads(paper.bytes())
        for _ in range(draw.randint(1, 6)):
            cell = draw.choice(content["cells"])
            if isinstance(cell, dict) and cell and draw.random() < 0.8:
                cell[draw.choice(sorted(cell))] = draw.choice(odd)
            else:
                content["cells"][draw.randrange(len(content["cells"]))] = draw.choice(odd)
        try:
            restored = restore(json.dumps(content).encode(), lab)
        except Rejected:
            continue
        check(restored, lab)
