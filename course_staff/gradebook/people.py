"""Names of people in the gradebook: formgrader's pages put them into HTML as they are, so no markup may enter.

The gradebook gets look-alikes (‹ for <); what is exported shows the true name, which our own table of students keeps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from course_staff.gradebook.marks import Mark

if TYPE_CHECKING:
    from nbgrader.api import Student as Entry

    from course_staff.handin.students import Student

_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "&": "＆", '"': "”", "`": "´", "\0": None})
_FIELDS = {"first": "first_name", "last": "last_name", "email": "email", "lms": "lms_user_id"}


def shown(text: str | None) -> str:
    """Text that is no markup in any page, and that every database takes: no encoding has half a surrogate pair."""
    return (text or "").translate(_LOOK_ALIKES).encode("utf-8", "replace").decode("utf-8")


def enter(entry: Entry, person: Student | None) -> None:
    """What the table says of a person into the gradebook; an empty field of it says nothing.

    Also what is there already loses its markup: an earlier version, or another program, let it in.
    """
    for field, column in _FIELDS.items():
        found = (getattr(person, field) if person else "") or getattr(entry, column)
        if found and getattr(entry, column) != shown(found):
            setattr(entry, column, shown(found))


def with_true_names(marks: Iterable[Mark], people: Mapping[str, Student]) -> list[Mark]:
    """Marks with names as the table has them, where the gradebook has none, or the look-alike of that very name."""
    return [_true(mark, people.get(mark.student)) for mark in marks]


def _true(mark: Mark, person: Student | None) -> Mark:
    if person is None:
        return mark
    true = {field: getattr(person, field) for field in _FIELDS}
    return replace(mark, **{field: text for field, text in true.items() if getattr(mark, field) in ("", shown(text))})
