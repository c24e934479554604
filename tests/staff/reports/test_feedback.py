"""Feedback: own answers, points and messages; nothing hidden, nothing that runs, nothing from elsewhere."""

import base64
from html.parser import HTMLParser

import pytest

pytest.importorskip("nbgrader")

from classroom import graded_class
from classroom.graded_class import EXPRESSION, HIDDEN, LAB, by_hand, cell, enter, graded, lab, notebook

from course_staff.gradebook.marks import Mark, read_marks
from course_staff.reports import feedback as module
from course_staff.reports.feedback import feedback
from course_staff.reports.feedback_page import page
from course_staff.reports.gathered import Gathered, Rejection

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<svg onload=alert(1)>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "<base href='https://evil.example/'>",
    "<form action=https://evil.example><input></form>",
    "<a href='javascript:alert(1)'>x</a>",
    "[x](javascript:alert(1)) ![x](https://evil.example/x.png) <https://evil.example>",
    "<p style='background:url(https://evil.example)' onclick='alert(1)'>x</p>",
    "</pre></div></section></body><script>alert(1)</script>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "`</code><script>alert(1)</script>`",
    '"><script>alert(1)</script><!--',
    "<!--><script>alert(1)</script>",
    "<details open ontoggle=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "```html\n<script>alert(1)</script>\n```",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
]
ALLOWED = set(
    "html head meta title style body h1 h2 h3 h4 h5 h6 p b section pre span div details summary img br hr em strong i"
    " del sub sup code blockquote ul ol li table thead tbody tr th td".split()
)


class Reader(HTMLParser):
    """Collects the tags, their attributes and the text of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


def harmless(text: str) -> None:
    """No tag that runs or fetches, no attribute that does, no address: whatever a student wrote."""
    for tag, attributes in Reader(text).tags:
        assert tag in ALLOWED
        assert set(attributes) <= {"class", "lang", "charset", "name", "content", "http-equiv", "src", "alt"}
        assert tag == "img" or "src" not in attributes
        assert tag != "img" or attributes["src"].startswith("data:image/")
        assert attributes.get("http-equiv", "Content-Security-Policy") == "Content-Security-Policy"
    assert "default-src 'none'" in text


def show(result, **fields) -> str:
    given = {"mark": Gathered(lab(), {result.student: result}).mark(result.student), "reasons": []} | fields
    return page(lab(), given["mark"], result, given["reasons"])


@pytest.mark.parametrize("markup", MARKUP)
def test_nothing_that_a_student_wrote_runs_or_fetches(markup):
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": markup},
        {"output_type": "error", "ename": markup, "evalue": markup, "traceback": [markup]},
        {"output_type": "display_data", "data": {"text/html": markup, "text/plain": markup}},
        {"output_type": "display_data", "data": {"image/svg+xml": markup, "application/javascript": markup}},
        {"output_type": "display_data", "data": {"image/png": markup, "text/markdown": markup}},
    ]
    text = notebook(f"# {markup}", why=markup, outputs=outputs, more=[cell("code", markup, outputs=outputs[1:2])])
    result = graded("x", 0.0, notebook=text, messages={"double_test": markup, "why": markup})
    harmless(show(result, reasons=[markup], mark=Mark("x", LAB, "graded", 6.0, first=markup, last=markup)))
    harmless(show(result))
    harmless(page(lab(), Mark("x", LAB, "rejected", 6.0), graded("x", rejected=markup), []))


def test_it_shows_own_answer_points_and_message():
    text = "".join(Reader(show(graded("x", 0.0, notebook=notebook("def double(x):\n    return x**2\n")))).texts)
    assert "return x**2" in text and "0 of 2" in text and "3 of 3" in text
    assert "AssertionError: look at double" in text and "waits for your teacher" in text
    assert "Because." in text and "assert double(2) == 4" in text  # the test that the student has, too
    assert "3 of 6 points" in text


def test_hidden_tests_never_show():
    leak = f"In [7]: {HIDDEN}\n{EXPRESSION}"
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": leak},
        {"output_type": "error", "ename": "E", "evalue": leak, "traceback": [leak, f"\x1b[31m----> 2 {HIDDEN}\x1b[0m"]},
        {"output_type": "execute_result", "data": {"text/plain": [leak]}},
    ]
    text = notebook(outputs=outputs, test_outputs=outputs, more=[cell("code", "1/0", outputs=outputs[1:2])])
    found = show(graded("x", 0.0, notebook=text, messages={"double_test": f"AssertionError: {leak}"}))
    seen = "".join(Reader(found).texts)
    assert "hidden fractions" not in found and HIDDEN not in seen
    assert EXPRESSION not in seen and "rng.random" not in found
    assert "[not shown]" in seen and "In [7]:" in seen  # the rest of what was printed stays


def test_outputs_of_tests_never_show():
    outputs = [{"output_type": "error", "ename": "E", "evalue": "", "traceback": ["traceback with 0.8415 in it"]}]
    assert "0.8415" not in show(graded("x", 0.0, notebook=notebook(test_outputs=outputs)))


def test_pictures_show_if_they_are_pictures():
    def display(kind, data):
        return {"output_type": "display_data", "data": {kind: data, "text/plain": "<Figure>"}}

    found = show(graded("x", notebook=notebook(outputs=[display("image/png", PNG)])))
    assert f'src="data:image/png;base64,{PNG}"' in found and "&lt;Figure&gt;" not in found
    wrong = [("image/png", "AAAA"), ("image/jpeg", PNG), ("image/svg+xml", PNG), ("image/png", PNG + '" x="')]
    for kind, data in wrong:
        found = show(graded("x", notebook=notebook(outputs=[display(kind, data)])))
        assert "<img" not in found and "&lt;Figure&gt;" in found


@pytest.mark.parametrize(
    "outputs",
    [
        [None, 7, "x", {}],
        [{"output_type": "stream", "text": {"a": 1}}],
        [{"output_type": "display_data", "data": {"image/png": [1], "text/plain": 3}}],
        [{"output_type": "error", "traceback": [1, None]}],
        [{"output_type": "stream", "text": b"\\ud800 \x01 \x1b[31m \\u202e".decode("unicode_escape")}],
    ],
    ids=["no outputs", "no text", "no data", "no traceback", "controls"],
)
def test_no_output_can_break_the_page(outputs):
    found = show(graded("x", notebook=notebook(outputs=outputs)))
    harmless(found)
    assert found.encode("utf-8").isascii() or "�" in found
    assert "\x01" not in found and "\x1b" not in found and chr(0x202E) not in found


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"cells": 3}', '{"cells": [{"source": ["a", "b"]}]}', '{"cells": [1]}']
)
def test_an_empty_or_broken_notebook_still_gives_a_page(text):
    assert "There is none." in show(graded("x", notebook=text))


@pytest.mark.parametrize("text", [">", "[", "*", "- ", "`", "<", "![", "**a", "|a|\n|-|\n", "\\["])
def test_no_written_answer_takes_the_page_down(text):
    harmless(show(graded("x", notebook=notebook(why=text * 9000))))


def test_a_long_output_is_cut():
    outputs = [{"output_type": "stream", "text": "begin" + "x" * 10**6 + "end"}]
    found = show(graded("x", notebook=notebook(outputs=outputs)))
    assert len(found) < 60_000 and "begin" in found and "end" in found


def test_pages_lie_where_nbgrader_looks_and_tell_what_the_gradebook_says(monkeypatch, tmp_path):
    course = graded_class.course(tmp_path)
    results = {"ada": graded("ada"), "bob": graded("bob", 0.0)}
    enter(course, list(results.values()), late={"ada": 30})
    course.grading(LAB).mkdir(parents=True)
    (course.grading(LAB) / "run.json").write_text('{"late_penalty": 0.25}')
    by_hand(course, "ada", 1.0, "Well *seen* <script>alert(1)</script>")

    def gather(course, name):
        with course.gradebook() as gradebook:
            marks = {mark.student: mark for mark in read_marks(gradebook, LAB)}
        return Gathered(lab(), results, marks, [Rejection("fay", "a/fay.ipynb", "is a link")])

    monkeypatch.setattr(module, "gather", gather)
    paths = feedback(course, LAB)
    names = [f"feedback/{student}/{LAB}/{LAB}.html" for student in ("ada", "bob", "fay")]
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == names
    ada, bob, fay = (path.read_text() for path in paths)
    seen = "".join(Reader(ada).texts)
    assert "3 of 6 points: 6 for your answers, 3 taken off (2 days late)" in seen
    assert "Your teacher: Well seen" in " ".join(seen.split()) and "<script" not in ada
    assert "fay.ipynb: is a link" in fay and "points" not in fay
    assert "bob" in bob and "Well" not in bob
    assert feedback(course, LAB, students=["bob"]) == paths[1:2]
    with pytest.raises(ValueError, match="nothing of 'kim' is graded"):
        feedback(course, LAB, students=["kim"])
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("student", ["..", "a/b", "../../etc", "a\\b"])
def test_an_id_leads_nowhere_else(monkeypatch, tmp_path, student):
    course = graded_class.course(tmp_path / "course")
    monkeypatch.setattr(module, "gather", lambda course, name: Gathered(lab(), {student: graded(student)}))
    with pytest.raises(ValueError, match="fit for a folder"):
        feedback(course, LAB)
    assert not list(tmp_path.rglob("*.html"))
