"""What a session is asked of one answer: a wrong one is told what is wrong, in whichever order its variants run."""

import random
from types import SimpleNamespace

import pytest

from course_staff.marking.asking import SWITCHED_OFF, ask_visible
from course_staff.sandbox.session import CellRun

TEST = SimpleNamespace(name="double_test", source="assert double(3) == 6, 'twice three is six'", values=())
LAB = SimpleNamespace(canaries={"double_test": {"false": [0], "unequal": ["left", "right"], "closed": []}})


class Session:
    """Runs variants of the test with an answer; with `deaf`, no assert ever fails."""

    def __init__(self, double, deaf=False):
        self.double, self.deaf = double, deaf

    def probe(self, source, closed=()):
        try:
            exec(source, {"double": self.double})
        except AssertionError as error:
            if not self.deaf:
                return CellRun("error", "AssertionError", str(error))
        return CellRun("ok")


@pytest.mark.parametrize("seed", range(20))
def test_a_wrong_answer_is_told_by_its_own_test(seed):
    finding = ask_visible(Session(lambda x: x * x), LAB, TEST, random.Random(seed))
    assert not finding.right and finding.words == ""
    assert finding.run is not None and finding.run.evalue == "twice three is six"


@pytest.mark.parametrize("seed", range(20))
def test_a_right_answer_passes_and_a_check_that_is_switched_off_does_not(seed):
    assert ask_visible(Session(lambda x: 2 * x), LAB, TEST, random.Random(seed)).right
    cheat = ask_visible(Session(lambda x: 0, deaf=True), LAB, TEST, random.Random(seed))
    assert not cheat.right and cheat.words == SWITCHED_OFF
