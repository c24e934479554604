"""Instant questions: every file is as it must be, every choice is answered, and nothing needs a network."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("ipywidgets")
import ipywidgets

from course_lib.student import instant, instant_questions, instant_widgets
from course_lib.student.instant import FOLDER, faults, in_print, read_questions
from course_lib.student.instant_widgets import box, judged

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.stem for path in FOLDER.glob("*.json"))
RADIO = {
    "question": "Is `a < b` for $a < b$?",
    "type": "multiple_choice",
    "answers": [
        {"answer": "no", "correct": False, "feedback": "Look *again*."},
        {"answer": "yes", "correct": True, "feedback": "By $a < b$."},
    ],
}
BOXES = {
    "question": "Which are even?",
    "type": "many_choice",
    "answers": [
        {"answer": "two", "correct": True, "feedback": "Twice one."},
        {"answer": "three", "correct": False, "feedback": "Three is odd."},
        {"answer": "four", "correct": True, "feedback": "Twice two."},
    ],
}
NUMBER = {
    "question": "What is twice 1.5?",
    "type": "numeric",
    "answers": [
        {"type": "value", "value": 3, "correct": True, "feedback": "Right so."},
        {"type": "range", "range": [2.2, 2.3], "correct": False, "feedback": "That is its square."},
        {"type": "default", "feedback": "Add it to itself."},
    ],
}


def widgets(widget) -> list:
    return [widget, *(found for child in getattr(widget, "children", ()) for found in widgets(child))]


def kind_of(widget, kind) -> list:
    return [found for found in widgets(widget) if type(found) is kind]


@pytest.mark.parametrize("lab", FILES)
def test_every_file_is_as_it_must_be(lab):
    assert re.fullmatch(r"lab\d\d[a-z]?", lab)
    assert list((ROOT / "solutions").glob(f"{lab}_*.py")), "questions of a lab that is not there"
    questions = read_questions(lab)
    for item in questions:
        for answer in item["answers"]:
            # whatever is chosen gets its own reason
            if item["type"] == "multiple_choice":
                assert judged(item, answer["answer"]) == (answer["correct"], answer["feedback"])
            assert answer["feedback"].rstrip()[-1] in ".!?$)"
    assert 3 <= len(questions) <= 5
    assert kind_of(box(dict(enumerate(questions, 1))), ipywidgets.HTMLMath)


def shown_in(path: Path) -> list[tuple[str, object]]:
    """Lab and positions of each call of `instant_questions` in a lab's source."""
    calls = []
    for text in re.findall(r"^instant_questions\(.*?\)$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        call = ast.parse(text, mode="eval").body
        values = [ast.literal_eval(node) for node in [*call.args, *(item.value for item in call.keywords)]]
        calls.append((values[0], values[1] if len(values) > 1 else None))
    return calls


@pytest.mark.parametrize("path", sorted((ROOT / "solutions").glob("lab*.py")), ids=lambda path: path.stem)
def test_a_lab_shows_each_of_its_questions_once(path):
    calls = shown_in(path)
    if not calls:
        return
    lab = path.stem.partition("_")[0]
    assert {name for name, _ in calls} == {lab}
    every = list(range(1, len(read_questions(lab)) + 1))
    shown = [position for _, positions in calls for position in (every if positions is None else positions)]
    assert sorted(shown) == every


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda q: q[0]["answers"][0].update(correct=True), "exactly one answer of multiple_choice is correct, here 2"),
        (lambda q: q[0]["answers"].pop(1), "both occur"),
        (lambda q: q[1]["answers"][1].update(correct="false"), "both occur"),
        (lambda q: q[1]["answers"][1].pop("feedback"), 'question 2: each answer needs "feedback"'),
        (lambda q: q[1]["answers"][1].update(feedback=" "), 'each answer needs "feedback"'),
        (lambda q: q[1]["answers"][1].update(answer="two"), "of its own"),
        (lambda q: q[1]["answers"][1].update(answer="x" * 161), "at most 160 characters"),
        (lambda q: q[1]["answers"][1].update(answer="$x$"), "plain text"),
        (lambda q: q[1].update(type="string"), "one of multiple_choice, many_choice, numeric"),
        (lambda q: q[1].pop("question"), 'it needs "question"'),
        (lambda q: q.append(json.loads(json.dumps(RADIO))), "asked twice: 'Is `a < b`"),
        (lambda q: q[2]["answers"].pop(), "of which there is one"),
        (lambda q: q[2]["answers"][1].update(range=[3, 2]), "the smaller one first"),
        (lambda q: q[2]["answers"][0].update(value="3"), 'a "value" is a number'),
        (lambda q: q[2]["answers"][0].update(correct=False), "exactly one value or range"),
        (lambda q: q.clear(), "expected a list of questions"),
    ],
)
def test_a_fault_in_a_file_is_found(change, words, tmp_path, monkeypatch):
    questions = json.loads(json.dumps([RADIO, BOXES, NUMBER]))
    assert faults(questions) == []
    change(questions)
    assert words in "; ".join(faults(questions))
    (tmp_path / "lab98.json").write_text(json.dumps(questions))
    monkeypatch.setattr(instant, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"lab98\.json: "):
        read_questions("lab98")


def test_a_choice_is_answered_at_once_in_words():
    shown = box({4: RADIO})
    (buttons,), (asked, said) = kind_of(shown, ipywidgets.RadioButtons), kind_of(shown, ipywidgets.HTMLMath)
    assert buttons.value is None and said.value == "" and list(buttons.options) == ["no", "yes"]
    assert asked.value.endswith("<b>Question 4.</b> Is <code>a &lt; b</code> for $a &lt; b$?")
    buttons.value = "no"
    assert "✗ <b>Not yet.</b> Look <em>again</em>." in said.value and 'role="status"' in said.value
    buttons.value = "yes"
    assert "✓ <b>Right.</b> By $a &lt; b$." in said.value


@pytest.mark.parametrize(
    ("ticked", "words"),
    [
        ([0, 2], "✓ <b>Right.</b> Twice one. Twice two."),
        ([0], "✗ <b>Not yet.</b> 1 right answer is still missing."),
        ([1], "✗ <b>Not yet.</b> Three is odd. 2 right answers are still missing."),
        ([0, 1, 2], "✗ <b>Not yet.</b> Three is odd.</div>"),
    ],
)
def test_boxes_are_checked_together(ticked, words):
    shown = box({1: BOXES})
    boxes, said = kind_of(shown, ipywidgets.Checkbox), kind_of(shown, ipywidgets.HTMLMath)[1]
    for number in ticked:
        boxes[number].value = True
    assert said.value == ""
    kind_of(shown, ipywidgets.Button)[0].click()
    assert words in said.value


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("3", "✓ <b>Right.</b>"),
        (" 2,98 ", "✓ <b>Right.</b>"),
        ("2.25", "Not yet.</b> That is its square."),
        ("-3", "Not yet.</b> Add it to itself."),
        ("3.04", "Not yet."),
        ("three", ""),
    ],
)
def test_a_number_is_compared_and_text_is_not(typed, words):
    shown = box({1: NUMBER})
    kind_of(shown, ipywidgets.Text)[0].value = typed
    said = kind_of(shown, ipywidgets.HTMLMath)[1].value
    assert words in said and bool(said) is bool(words)


def test_in_print_no_answer_is_given_away(capsys, monkeypatch):
    monkeypatch.setattr(instant, "read_questions", lambda lab: [RADIO, BOXES, NUMBER])
    instant_questions("lab98", [2, 3])
    told = capsys.readouterr().out
    assert told == in_print({2: BOXES, 3: NUMBER}) + "\n"
    assert "2. Which are even?\n   - two\n   - three\n   - four" in told and "3. What is twice 1.5?" in told
    assert "Is `a" not in told and "Three is odd" not in told and "Right so" not in told
    for wrong in (0, 4, "1"):
        with pytest.raises(ValueError, match="lab98 has the questions 1 to 3, got"):
            instant_questions("lab98", [wrong])


def test_a_lab_without_questions_says_so():
    with pytest.raises(ValueError, match="no instant questions of 'lab99'; there are: .*lab05"):
        instant_questions("lab99")


@pytest.mark.parametrize("profile", ["cpu", "ci"])
def test_in_a_kernel(profile, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    monkeypatch.setenv("COURSE_PROFILE", profile)
    code = 'from course_lib.student import instant_questions\ninstant_questions("lab05", [1])'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute(cwd=str(ROOT))
    (output,) = notebook.cells[0].outputs
    if profile == "ci":
        assert output["text"].startswith("1. ") and "running kernel" in output["text"]
    else:
        assert output["data"]["text/plain"].startswith("1. ")
        assert "application/vnd.jupyter.widget-view+json" in output["data"]
    assert "feedback" not in json.dumps(output) and "http" not in json.dumps(output)


def test_the_widgets_name_no_address():
    assert "http" not in Path(instant_widgets.__file__).read_text() and "http" not in Path(instant.__file__).read_text()
