"""Which column of a table of students is which: by its heading, else by the shape of its cells.

An LMS translates its headings: Moodle's "Identifier" is "Kennung" elsewhere, and its "Participant 1327627" reads
"Teilnehmer/in 1327627". The cells look alike in every language.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# What other tables call our columns; English first, then German, French, Spanish, Italian, Portuguese and Dutch.
_NAMES = {
    "id": (
        *("id", "student id", "student_id", "student", "username", "sis login id", "sis user id", "id number"),
        *("id-nummer", "numéro d'identification", "número de id", "número de identificación", "codice identificativo"),
        *("número de identificação", "id-nummer", "anmeldename", "nom d'utilisateur", "nombre de usuario"),
    ),
    "first": ("first", "first name", "firstname", "first_name", "given name", "vorname", "prénom", "nombre", "nome"),
    "last": (
        *("last", "last name", "lastname", "last_name", "surname", "family name"),
        *("nachname", "nom de famille", "nom", "apellido(s)", "apellidos", "cognome", "sobrenome", "achternaam"),
    ),
    "email": (
        *("email", "email address", "e-mail", "mail", "e-mail-adresse", "adresse de courriel", "dirección de correo"),
        *("indirizzo email", "endereço de email", "e-mailadres"),
    ),
    "lms": ("lms", "lms id", "lms_id", "lms_user_id", "canvas id", "moodle id"),
    "participant": ("participant", "identifier"),
    "file": ("file", "file name", "filename", "folder"),
    "submitted": ("submitted", "submitted at", "time", "last modified (submission)"),
    "name": (
        *("name", "full name", "vollständiger name", "nom complet", "nombre completo", "nome completo"),
        *("cognome e nome", "volledige naam"),
    ),
    "section": ("section",),
    "sis": ("sis", "sis user id"),
    "login": ("login", "sis login id"),
    "known": ("known",),
}
_PARTICIPANT = re.compile(r"(?P<word>[^\W\d][^\d]{2,}?) (?P<number>\d+)")
_WORDS = ("participa", "partecipa", "teilnehm", "deelnem")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def columns_of(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Our column -> the columns of the table that are it, the best first. rows: of cells, as long as the headings.

    Raises ValueError where nothing says who the rows are about.
    """
    plain = [" ".join(heading.lower().split()) for heading in headings]
    cells = [[row[number] for row in rows if row[number]] for number in range(len(headings))]
    found = {
        ours: [plain.index(name) for name in dict.fromkeys(names) if name in plain] for ours, names in _NAMES.items()
    }
    if (number := _moodle_column(cells, {place for places in found.values() for place in places})) is not None:
        for places in found.values():
            if number in places:
                places.remove(number)
        found["participant"] = [number]
        if not found["name"] and not found["last"] and number + 1 < len(headings):
            found["name"] = [number + 1]  # Moodle's second column, in any language
    if not found["email"]:
        found["email"] = [number for number, some in enumerate(cells) if some and all(map(_EMAIL.fullmatch, some))][:1]
    if not any(found[ours] for ours in ("id", "email", "lms", "participant")):
        known = ", ".join(repr(heading) for heading in headings[:8])
        raise ValueError(
            f"none of its headings ({known}) says who a row is about: download it in English, or call the column `id`"
        )
    return found


def participant_number(text: str) -> str:
    """The number in "Participant 1327627", in whatever language."""
    found = _PARTICIPANT.fullmatch(text)
    return found["number"] if found else text


def _moodle_column(cells: Sequence[Sequence[str]], named: set[int]) -> int | None:
    """The column of "Participant 1327627": the first, if its heading says nothing, or one with a word for it."""
    for number, found in enumerate(cells):
        matches = [match for text in found if (match := _PARTICIPANT.fullmatch(text))]
        words = {match["word"] for match in matches}
        if len(words) != 1 or len(matches) < len(found) or len(set(found)) < len(found):
            continue
        if (number == 0 and number not in named) or words.pop().lower().startswith(_WORDS):
            return number
    return None
