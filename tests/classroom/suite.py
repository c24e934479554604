"""All hostile submissions, in one list; importing it registers them.."""

# ruff: noqa: F401 (they register what they define)
from classroom import (
    careful,
    careless,
    careless_files,
    clever,
    clever_meddling,
    clever_outputs,
    clever_processes,
    clever_takeover,
    hostile_machine,
    nasty_values,
)
from classroom.hostile import SUBMISSIONS, Submission

ALL = tuple(SUBMISSIONS)
BY_NAME = {submission.name: submission for submission in ALL}
