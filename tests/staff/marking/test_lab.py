"""A lab as the grader sees it: read from its source, sent as JSON, recognised by its digest."""

import dataclasses

import pytest

pytest.importorskip("nbgrader")

from classroom import scratch

from course_staff.authoring.source import SourceError
from course_staff.marking.lab import Lab
from course_staff.marking.reading import read_lab_to_grade


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return scratch.make_course(tmp_path_factory.mktemp("course") / "here")


@pytest.fixture(scope="module")
def lab(root):
    return read_lab_to_grade(root, scratch.NAME, secret="of this class")


def test_points_and_order_are_those_of_the_source(lab):
    assert {cell.name: cell.points for cell in lab.graded if not cell.by_hand} == scratch.FULL
    assert [cell.exercise for cell in lab.graded if cell.by_hand] == ["why"]
    assert lab.points == 8


def test_students_source_holds_nothing_hidden_and_the_full_source_does(lab):
    for cell in lab.graded:
        assert scratch.TREASURE not in cell.source and "HIDDEN" not in cell.source
        assert "HIDDEN" not in cell.full_source
    assert scratch.TREASURE in lab.cell("double_test").full_source
    assert [cell.name for cell in lab.graded if cell.has_hidden_tests] == ["double_test"]
    assert scratch.TREASURE not in str(lab.cells)


def test_hidden_values_come_with_what_is_closed(lab):
    (value,) = lab.cell("mse_test").values
    assert value.expression == "mse(rng.random((4, 6)), rng.random((4, 6)))"
    assert value.closed == ("statistics.fmean",)
    assert lab.cell("sign_test").values == ()


def test_stub_and_solution_of_each_answer(lab):
    double = lab.cell("double_test")
    assert "NotImplementedError" in double.stub and "2 * x" not in double.stub
    assert "2 * x" in double.solution


def test_modules_are_those_of_the_cells_that_run(lab):
    assert {"numpy", "course_lib.exercise", "statistics"} <= set(lab.modules)
    assert not [name for name in lab.modules if name.startswith("numpy.random.")]


def test_json_loses_nothing(lab):
    again = Lab.from_json(lab.to_json())
    assert again == lab and again.digest == lab.digest


def test_digest_follows_the_secret_and_the_tests_only(root, lab):
    assert read_lab_to_grade(root, scratch.NAME, secret="of this class").digest == lab.digest
    other = read_lab_to_grade(root, scratch.NAME, secret="of the next class")
    assert other.digest != lab.digest
    assert other.cell("mse_test").seed != lab.cell("mse_test").seed
    assert lab.cell("double_test").seed != lab.cell("mse_test").seed
    completed = dataclasses.replace(lab, expected={"mse": ["1"]}, canaries={"mse_test": {}}, modules=())
    assert completed.digest == lab.digest
    harder = dataclasses.replace(lab.graded[0], source=lab.graded[0].source + "\nassert double(3) == 6")
    assert dataclasses.replace(lab, graded=(harder, *lab.graded[1:])).digest != lab.digest


def test_a_lab_that_is_not_there_is_named(root):
    with pytest.raises(SourceError, match="lab91_nowhere"):
        read_lab_to_grade(root, "lab91_nowhere", secret="")


def test_a_graded_cell_that_is_not_there_is_a_key_error(lab):
    with pytest.raises(KeyError):
        lab.cell("triple_test")
