"""Near-identical answers: a copy in disguise is found, right answers that all look alike are not."""

import itertools
import random
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import LAB, graded, lab, notebook

from course_staff.authoring import source
from course_staff.marking.lab import GradedCell
from course_staff.reports import gathered
from course_staff.reports.gathered import Gathered
from course_staff.reports.similar import Leads, compare, normalised, similar

CELL = GradedCell(
    "crop_test", "crop", 2.0, False, "", "",
    stub="def crop(image, size):\n    raise NotImplementedError('replace this line')\n",
    solution="def crop(image, size):\n    top = (image.shape[0] - size) // 2\n    return image[top : top + size]\n",
)  # fmt: skip
COPIED = '''
def crop(image, size):
    """My own work."""
    height, width = image.shape[-2], image.shape[-1]
    rows = [row for row in range(height) if abs(2 * row - height + 1) < size]
    columns = [column for column in range(width) if abs(2 * column - width + 1) < size]
    result = []
    for row in rows:
        result.append([image[row][column] for column in columns])
    return np.asarray(result).reshape(len(rows), len(columns))
'''
DISGUISED = '''
def crop( bild,n ):  # another name, another layout
    h,w = bild.shape[ -2 ],bild.shape[ -1 ]
    # the rows
    zeilen = [z for z in range(h)
              if abs(2*z - h + 1) < n]
    spalten = [s for s in range(w) if abs((2*s) - w + 1) < n]
    out = []
    for z in zeilen:
        """nothing"""
        out.append([bild[z][s] for s in spalten])
    return np.asarray(out).reshape(len(zeilen), len(spalten))
'''
OTHERS = {
    "s1": "def crop(image, size):\n    y = int((len(image) - size) / 2)\n    return image[y : y + size]\n",
    "s2": "def crop(image, size):\n    while len(image) > size:\n        image = image[1:-1]\n    return image\n",
    "s3": "def crop(image, size):\n    return image[(image.shape[0] - size) // 2 :][:size]\n",
    "s4": "def crop(image, size):\n    import torchvision\n    return torchvision.transforms.CenterCrop(size)(image)\n",
}


def pairs(answers, cell=CELL):
    return [(lead.first, lead.second) for lead in compare(cell, answers)]


def test_a_copy_in_disguise_is_a_lead():
    [lead] = compare(CELL, OTHERS | {"a": COPIED, "b": DISGUISED})
    assert (lead.first, lead.second) == ("a", "b") and lead.alike > 0.95


def test_names_layout_comments_and_docstrings_do_not_count():
    assert normalised(COPIED) == normalised(DISGUISED)
    assert normalised("x = 1 + y") != normalised("x = 2 + y")  # y is not the code's own; nor is a number
    assert normalised("a = np.mean(b)") != normalised("a = np.median(b)")


def test_what_all_right_answers_share_is_no_lead():
    assert pairs({f"s{number}": CELL.solution for number in range(40)}) == []
    assert pairs({f"s{number}": CELL.stub for number in range(40)}) == []
    lesson = COPIED  # from the lecture: half of the class has it
    assert pairs({f"s{number}": lesson for number in range(30)}) == []


def test_a_ring_of_a_few_in_a_big_class_is_found_whole():
    class_ = {f"x{number:02}": f"{OTHERS['s1']}# {number}" for number in range(50)}
    ring = {"r1": COPIED, "r2": DISGUISED, "r3": COPIED, "r4": DISGUISED}
    assert set(pairs(class_ | ring)) == set(itertools.combinations(sorted(ring), 2))


def test_independent_answers_are_no_leads():
    """The named wrong answers of a lab are changes of one solution, made one by one: alike in what is right only."""
    path = Path(__file__).parents[3] / "solutions" / "lab02_convolutional_autoencoder.py"
    wrong = source.read_wrong_answers(path.with_suffix(".wrong.py"))
    cells = source.read_lab(path, source.Address("OWNER/NAME", "main")).cells
    solutions = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in cells}
    for exercise in {item.exercise for item in wrong} - {"ConvDAE"}:  # those are one text with small changes
        answers = {item.name: item.code for item in wrong if item.exercise == exercise}
        cell = GradedCell(f"{exercise}_test", exercise, 1.0, False, "", "", solution=solutions[exercise])
        assert len(answers) > 3 and pairs(answers, cell) == []


def test_order_and_direction_do_not_count():
    answers = OTHERS | {"a": COPIED, "b": DISGUISED, "c": COPIED.replace("2 * row", "row * 2")}
    expected = compare(CELL, answers)
    assert len(expected) == 3
    for seed in range(5):
        shuffled = random.Random(seed).sample(sorted(answers.items()), len(answers))
        assert compare(CELL, dict(shuffled)) == expected


def test_the_same_comments_are_a_lead_of_their_own():
    said = "    # first I thought of a loop here\n    # but then it was far too slow\n"
    first = OTHERS["s1"].replace("\n", f"\n{said}", 1)
    second = OTHERS["s2"].replace("\n", f"\n{said}", 1)
    class_ = {"a": first, "b": second, "s3": OTHERS["s3"], "s4": OTHERS["s4"]}
    [lead] = compare(CELL, class_)
    disguised = {name: code.replace("a loop", "a \x1b]52;c;YQ==\x07loop") for name, code in class_.items()}
    [hostile] = compare(CELL, disguised)
    assert "\x1b" in "".join(hostile.comments) and "\x1b" not in str(Leads(LAB, (hostile,), 4))
    assert len(lead.comments) == 2 and (lead.first, lead.second) == ("a", "b")
    everybody = {name: code.replace("\n", f"\n{said}", 1) for name, code in OTHERS.items()}
    assert pairs(everybody) == []


def test_written_answers_are_compared_by_their_words():
    cell = lab().cell("why")
    text = "More pictures of other heads help a network little once it has seen how noise looks, which is alike in all."
    words = ["noise", "image", "scanner", "filter", "weights", "loss", "edge", "brain", "mean", "blur", "grain"]
    rng = random.Random(1)
    others = {f"s{number}": " ".join(rng.choices(words, k=40)) for number in range(8)}
    assert pairs(others | {"a": text, "b": text.upper().replace(",", " –")}, cell) == [("a", "b")]


@pytest.mark.parametrize(
    "text",
    ["def f(:", "\0", "(" * 5000, "-" * 20000 + "1", "x = '" + "\\d" * 99, "é" * 40000, "if 1:\n" * 300, "#", ""],
)
def test_no_answer_can_break_it(text):
    assert pairs(OTHERS | {"a": text, "b": "x"}) in ([], [("a", "b")])


def test_it_says_that_it_is_a_lead_only(monkeypatch, tmp_path):
    copied = {name: graded(name, notebook=notebook(double=code)) for name, code in (("a", COPIED), ("b", DISGUISED))}
    found = Gathered(lab(), copied | {"c": graded("c", notebook=notebook(double=lab().cell("double_test").stub))})
    monkeypatch.setattr(gathered, "gather", lambda course, name: found)
    text = str(similar(graded_class.course(tmp_path), LAB))
    assert "never a proof" in text and "double: a and b" in text and "1 pair among 8 answers" in text
    found.graded.clear()
    with pytest.raises(RuntimeError, match="nothing of lab42_doubling is graded yet"):
        similar(graded_class.course(tmp_path), LAB)
