"""A new version of a lab: nothing that a student wrote is lost, and nothing of the lab stays old."""

import copy

import pytest
from small_notebooks import cell, first, second, sources, stub, written

from course_lib.student import notebook as notebooks
from course_lib.student.carry import GONE, carry


def test_answers_go_to_their_exercises_and_the_rest_is_new():
    old = written(first(), double="def double(x): return 2 * x", why="Because.")
    done = carry(old, second())
    expected = written(second(), double="def double(x): return 2 * x", why="Because.")
    assert done.notebook == expected and not done.same
    told = " ".join(done.told)
    assert "carried over: double, why." in told
    assert "changed, so read them and run their tests again: double." in told and "New exercises: treble." in told


def test_the_answer_of_an_exercise_that_is_gone_stands_at_the_end_and_the_last_cell_stays_the_last():
    done = carry(written(first(), half="def half(x): return x / 2"), second())
    assert sources(done.notebook)[-3:] == [GONE, "def half(x): return x / 2", "my(double=3, treble=1)"]
    assert not [item for item in done.notebook["cells"] if notebooks.name(item) == "half"]
    assert "1 answer without an exercise" in " ".join(done.told)
    again = carry(done.notebook, second())
    assert "def half(x): return x / 2" in sources(again.notebook) and again.same


def test_own_cells_stay_below_their_neighbours_wherever_those_are_now():
    old = first()
    old["cells"].insert(4, cell("print('mine')", identifier="8c0ffee1"))
    old["cells"].insert(5, cell("my thoughts", kind="markdown", identifier="0d15ea5e"))
    old["cells"].insert(0, cell("above all", kind="markdown", identifier="abad1dea"))
    old["cells"].append(cell("print('below all')", identifier="feedf00d"))
    made = sources(carry(old, second()).notebook)
    place = made.index("assert double(3) == 6")
    assert made[place + 1 : place + 3] == ["print('mine')", "my thoughts"]
    assert made[0] == "above all" and made[-1] == "print('below all')"


def test_own_cells_below_a_cell_that_is_gone_go_up_to_one_that_is_there():
    old = first()
    old["cells"].insert(7, cell("after half's test", identifier="8c0ffee1"))
    made = sources(carry(old, second()).notebook)
    assert made[made.index("assert double(3) == 6") + 1] == "after half's test"


def test_a_changed_cell_of_the_lab_stays_changed_and_is_kept_where_the_lab_has_dropped_it():
    old = first()
    old["cells"][1]["source"] = "sigma = 0.3"
    old["cells"][4]["source"] = "between, I wrote this"
    done = carry(old, second())
    made = sources(done.notebook)
    assert "sigma = 0.3" in made and "sigma = 0.1" not in made and "between, I wrote this" in made
    assert "between" not in made, "a text that the lab has dropped, and nobody has touched"


def test_tests_and_the_two_derived_cells_are_the_labs_whatever_was_done_to_them():
    old = written(first(), double_test="assert True")
    old["cells"][0]["source"] = "# nothing"
    old["cells"][-1]["source"] = "my(double=99)"
    assert carry(old, second()).notebook == second()


def test_pictures_in_a_written_answer_are_carried():
    old = first()
    old["cells"][7] |= {"source": "![](a.png)", "attachments": {"a.png": {"image/png": "aGk="}}}
    made = carry(old, second()).notebook["cells"]
    assert next(item for item in made if notebooks.name(item) == "why")["attachments"] == {
        "a.png": {"image/png": "aGk="}
    }


def test_a_second_copy_of_an_answer_is_kept_as_an_own_cell():
    old = written(first(), double="def double(x): return x + x")
    extra = copy.deepcopy(old["cells"][2]) | {"source": "def double(x): return 2 * x"}
    old["cells"].insert(3, extra)
    done = carry(old, second())
    assert {"def double(x): return x + x", "def double(x): return 2 * x"} <= set(sources(done.notebook))
    assert [notebooks.name(item) for item in done.notebook["cells"]].count("double") == 1


@pytest.mark.parametrize("lost", ["ids", "ids and metadata of the notebook"])
def test_without_ids_the_text_tells_which_cells_are_the_labs(lost):
    old = written(first(), double="def double(x): return 2 * x")
    old["cells"].insert(2, cell("print('mine')", identifier="8c0ffee1"))
    for item in old["cells"]:
        item["metadata"]["id"] = item.pop("id")[:5]
    if "metadata" in lost:
        old["metadata"] = {}
    made = sources(carry(old, second()).notebook)
    assert made.count("sigma = 0.1") == 1 and made.count("print('mine')") == 1
    assert "def double(x): return 2 * x" in made and stub("double") not in made


def test_each_cell_has_an_id_of_its_own():
    old = written(first(), double="def double(x): return 2 * x", half="def half(x): return 1")
    old["cells"].insert(3, copy.deepcopy(old["cells"][2]))
    ids = [item["id"] for item in carry(old, second()).notebook["cells"]]
    assert len(set(ids)) == len(ids)


def test_what_is_new_already_is_left_alone():
    mine = written(second(), double="def double(x): return 2 * x")
    mine["cells"][3]["outputs"] = ["kept"]
    assert carry(mine, second()).same
    assert carry(first(), second()).same is False


def test_what_is_the_students_is_told():
    assert notebooks.work(first()) == []
    old = written(first(), double="def double(x): return 2 * x", why="Because.")
    old["cells"][1]["source"] = "sigma = 0.3"
    old["cells"].append(cell("print('mine')", identifier="8c0ffee1"))
    assert notebooks.work(old) == ["double", "why", "1 changed cell of the lab", "1 own cell"]
    old["cells"][0]["source"] = "# the set-up cell and tests are derived: nobody's work"
    assert notebooks.work(written(first(), double_test="assert True")) == []
