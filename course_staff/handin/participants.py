"""Moodle's numbers of people ("Participant 1327627"), which hold for one assignment only: kept with the lab.

They come from the grading worksheet, from the names in Moodle's zip, or from the column `lms` of a table of ours, where
Moodle's zip uses those numbers. The table of the class, which holds for all labs, never keeps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from course_staff.handin import spreadsheet
from course_staff.handin.students import Students

if TYPE_CHECKING:
    from course_staff.course import Course


def participants(course: Course, lab: str) -> dict[str, str]:
    """Student -> Moodle's number in this lab's assignment; empty where Moodle is not used."""
    rows = spreadsheet.read(course.grading(lab) / "participants.csv")
    return {row["student"]: row["participant"] for row in rows}


def of_lab(course: Course, lab: str, people: Students) -> Students:
    """The class with the numbers that earlier collections of this lab have found; those of the table come first."""
    known = participants(course, lab)
    return Students(
        replace(person, participant=person.participant or known.get(person.id, "")) for person in people.by_id.values()
    )


def keep(course: Course, lab: str, people: Students, met: Mapping[str, str]) -> Students:
    """Write the numbers of this lab; returns the class without them, and without the lab's times.

    met: student -> the number in the names of Moodle's zip. Where it is somebody's `lms`, these are Moodle's as well.
    """
    persons = people.by_id.values()
    is_moodle = any(person.lms and met.get(person.id) == person.lms for person in persons)
    found = participants(course, lab)
    found |= {person.id: person.lms for person in persons if is_moodle and person.lms}
    found |= {person.id: person.participant for person in persons if person.participant} | dict(met)
    if found:
        spreadsheet.write(
            course.grading(lab) / "participants.csv", [("student", "participant"), *sorted(found.items())]
        )
    return Students(
        replace(person, submitted="", participant="", lms="" if is_moodle else person.lms) for person in persons
    )
