"""nbgrader's formgrader on a gradebook that our run wrote: a person grades a written answer in Chromium, and it counts.

Needs chromium and chromedriver, as `test_lab_in_browser.py`. The screenshot is kept as artifacts/formgrader.png.
"""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import subprocess
import sys
import time

import pytest
from classroom import scratch
from test_lab_in_browser import PATIENCE, save_screenshot, stop
from test_lab_in_browser import browser as chromium

from course_staff.authoring.build import build
from course_staff.course import Course
from course_staff.handin import students
from course_staff.handin.students import Student, Students
from course_staff.marking.reading import read_lab_to_grade
from course_staff.reports.export import export
from course_staff.running.run import run
from course_staff.sandbox import sandbox

browser = chromium  # the same fixture

LAB = scratch.NAME
HOSTILE = """\
Squares punish large errors. <script>window.reached = 1</script>
<img src="nowhere.png" onerror="window.reached = 2"> <svg onload="window.reached = 3"></svg>
"""
HOSTILE_OUTPUT = """\
from IPython.display import HTML, Javascript, display
display(HTML("<script>window.reached = 4</script>and <img src=nowhere.png onerror='window.reached = 5'>"))
display(Javascript("window.reached = 6"))
display({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' onload='window.reached = 7'/>"}, raw=True)
"""
HOSTILE_NAME = "<img src=x onerror='window.reached = 8'><script>window.reached = 9</script>"

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Course:
    """A course with two papers handed in and graded: ann's code is right, bob's is wrong in two places."""
    course = Course.open(scratch.make_course(tmp_path_factory.mktemp("formgrader") / "course"))
    assert build(course.root, [LAB]) == 0  # as `make lab` does: formgrader lists what has a folder in solutions/
    cells = read_lab_to_grade(course.root, LAB, secret="any").cells
    ann, bob = (scratch.Paper(cells, scratch.ANSWERS) for _ in range(2))
    ann.answer("why", HOSTILE)
    ann.put(HOSTILE_OUTPUT)
    bob.answer("double", "def double(x):\n    return x + 2\n")
    bob.answer("sign", "def sign(x):\n    return 1\n")
    for student, paper in (("ann", ann), ("bob", bob)):
        folder = course.submitted(student, LAB)
        folder.mkdir(parents=True)
        (folder / f"{LAB}.ipynb").write_bytes(paper.bytes())
    people = [Student("ann", HOSTILE_NAME, HOSTILE_NAME, HOSTILE_NAME), Student("bob", "Bob", "Lee")]
    students.write(course.root / "grading" / "students.csv", Students(people))
    assert grade(course) == 0
    return course


def grade(course: Course) -> int:
    # what is proved here has nothing to do with the sandbox: where there can be none, these two papers run without
    unsafe = sandbox.problem() is not None
    return run(course, LAB, workers=1, unsafe=unsafe, progress=False).exit_code


def marks(course: Course) -> dict[str, dict[str, str]]:
    """Student -> the row of `course grade export`."""
    return {row["student"]: row for row in csv.DictReader(io.StringIO(export(course), newline=""))}


@pytest.fixture
def formgrader(course, tmp_path):
    """The address, token included, of formgrader in the Jupyter server that an instructor starts in the course."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    words = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", f"--port={port}"]
    log = tmp_path / "jupyter.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=course.root, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield address(process, log, port)
    finally:
        stop(process)


def address(process: subprocess.Popen, log, port: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(errors="replace")
        if found := re.search(rf"http://(?:localhost|127\.0\.0\.1):{port}/lab\?(token=\w+)", text):
            return found[0].replace("/lab?", "/formgrader/?")
        time.sleep(0.5)
    pytest.fail(f"Jupyter printed no address with a token; its output ends with\n{log.read_text()[-3000:]}")


def follow(browser, link: str) -> None:
    """Click the link whose text, or the end of whose address, is `link`, as soon as the page has it."""
    from selenium.webdriver.common.by import By

    by_text, by_address = f"normalize-space()='{link}'", f"contains(@href, '{link}')"
    until(browser, f"a link {link!r}", lambda: browser.find_elements(By.XPATH, f"//a[{by_text} or {by_address}]"))
    browser.find_elements(By.XPATH, f"//a[{by_text} or {by_address}]")[0].click()


def until(browser, what: str, condition):
    """The first true value of `condition()`; fails after a while, with a picture of the page."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.3)
    save_screenshot(browser, "formgrader-failed.png")
    pytest.fail(f"{what} did not come; artifacts/formgrader-failed.png shows the page")


def test_a_written_answer_graded_in_formgrader_lands_in_our_export(course, formgrader, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    before = marks(course)
    assert {student: row["mark"] for student, row in before.items()} == {"ann": "6", "bob": "3"}
    assert {row["status"] for row in before.values()} == {"waits for a person"}
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission_notebook(LAB, LAB, "ann").id

    # as a person goes: Manual Grading, the lab, its notebook, one submission
    browser.get(formgrader)
    follow(browser, "Manual Grading")
    follow(browser, LAB)
    follow(browser, f"/formgrader/gradebook/{LAB}/{LAB}")
    follow(browser, f"/formgrader/submissions/{submission}")
    score = until(browser, "the field for the points", lambda: browser.find_elements(By.ID, "why"))[0]
    until(browser, "the mark of a question that waits", lambda: "needs_manual_grade" in score.get_attribute("class"))
    shown = {
        name: browser.find_element(By.ID, name).get_attribute("placeholder")
        for name in ("double_test", "mse_test", "sign_test")
    }
    assert {name: float(points) for name, points in shown.items()} == scratch.FULL, "the machine's points are shown"

    page = browser.find_element(By.TAG_NAME, "body").text
    assert "Squares punish large errors." in page
    assert scratch.TREASURE not in page, "hidden tests are not shown, not even here"
    reached = browser.execute_script("return window.reached")
    assert reached is None, f"what a student wrote ran in the instructor's browser: {reached}"

    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", score)
    score.send_keys("1.5", Keys.TAB)
    comment = browser.find_element(By.ID, "why-comment")
    comment.send_keys("Say why the root comes last.", Keys.TAB)
    until(browser, "the points in the gradebook", lambda: marks(course)["ann"]["mark"] == "7.5")
    save_screenshot(browser, "formgrader.png")

    after = marks(course)
    assert after["ann"]["status"] == "graded" and "why 1.5/2" in after["ann"]["cells"]
    assert after["bob"] == before["bob"], "nobody else's row changes"
    until(browser, "the comment in the gradebook", lambda: saved_comment(course) == "Say why the root comes last.")

    assert grade(course) == 0
    assert marks(course) == after, "grading the code again keeps what a person gave"
    assert saved_comment(course) == "Say why the root comes last."


def test_a_name_that_is_a_script_is_shown_and_not_run(course, formgrader, browser):
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission_notebook(LAB, LAB, "ann").id
    browser.get(formgrader)  # with the token, which then holds for the other pages
    root = formgrader.partition("/?")[0]
    pages = {
        f"submissions/{submission}": "formgrader/gradebook",
        "manage_students": "‹img",
        f"manage_submissions/{LAB}": "‹img",
        "manage_students/ann": LAB,
        f"gradebook/{LAB}/{LAB}": "Submission #",
    }
    for page, words in pages.items():
        browser.get(f"{root}/{page}")
        until(browser, f"{words} in {page}", lambda words=words: words in browser.page_source)
        time.sleep(1)  # for a picture that is not there to say so
        reached = browser.execute_script("return window.reached")
        assert reached is None, f"the name of a student ran in {page}: {reached}"
    assert marks(course)["ann"]["first_name"] == HOSTILE_NAME, "the export shows the true name"


def saved_comment(course: Course) -> str | None:
    with course.gradebook() as gradebook:
        return gradebook.find_comment("why", LAB, LAB, "ann").comment
