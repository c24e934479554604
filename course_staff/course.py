"""The course folder of an instructor: where submissions, results, backups and the gradebook lie."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from course_staff.database import sqlite_url

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

DEFAULT_ID = "default_course"  # nbgrader's own


@dataclass(frozen=True)
class Course:
    """A course folder. root: absolute; db_url: of nbgrader's gradebook (SQLAlchemy); id: nbgrader's of the course."""

    root: Path
    db_url: str
    id: str = DEFAULT_ID

    @classmethod
    def open(cls, root: Path, db_url: str | None = None) -> Course:
        """The course in folder `root`; db_url: default that of its nbgrader_config.py, or gradebook.db in it."""
        root = Path(root).resolve()
        configured: dict = {}
        if (root / "nbgrader_config.py").exists():
            from traitlets.config.loader import PyFileConfigLoader

            # by its whole path: $ and ~ in a name that is looked for would be expanded
            configured = PyFileConfigLoader(str(root / "nbgrader_config.py")).load_config().CourseDirectory
        url = db_url or configured.get("db_url") or sqlite_url(root / "gradebook.db")
        return cls(root, url, configured.get("course_id") or DEFAULT_ID)

    def submitted(self, student: str, lab: str) -> Path:
        """The folder of one submission: submitted/STUDENT/LAB."""
        return self.root / "submitted" / student / lab

    def submission(self, student: str, lab: str) -> Path:
        """The notebook of one submission."""
        return self.submitted(student, lab) / f"{lab}.ipynb"

    def autograded(self, student: str, lab: str) -> Path:
        """The notebook with outputs that formgrader and feedback show."""
        return self.root / "autograded" / student / lab / f"{lab}.ipynb"

    def grading(self, lab: str) -> Path:
        """The folder of what grading a lab makes: grading/LAB."""
        return self.root / "grading" / lab

    def students_with(self, lab: str) -> list[str]:
        """The students who have a folder for that lab, sorted; what lies in it need not be a notebook."""
        names = {path.parent.name for path in (self.root / "submitted").glob(f"*/{lab}")}
        return sorted(name for name in names if not name.startswith("."))  # those are scratch of a collection

    @property
    def secret(self) -> str:
        """What hidden inputs and made-up ids derive from: made once for the course, readable by its owner only."""
        path = self.root / "grading" / "secret"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, made = tempfile.mkstemp(dir=path.parent, prefix=".secret-")  # mode 0600
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(made, path)  # fails where another process was first: then theirs counts
            except FileExistsError:
                pass
            finally:
                os.unlink(made)
        return path.read_text().strip()

    @property
    def sqlite_file(self) -> Path | None:
        """The file of the gradebook; None where it is a server's."""
        from sqlalchemy.engine import make_url

        url = make_url(self.db_url)
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    @contextmanager
    def gradebook(self, *, create: bool = False) -> Iterator[Gradebook]:
        """nbgrader's gradebook, closed afterwards. Raises RuntimeError, in words, where there is none yet.

        create: make it where there is none.
        """
        from nbgrader.api import Gradebook
        from sqlalchemy.exc import OperationalError

        from course_staff.authoring.programs import programs_on_path

        programs_on_path()  # nbgrader starts one to learn the version of an empty database
        file = self.sqlite_file
        if file is not None and not file.exists():
            if not create:
                raise RuntimeError(f"there is no gradebook {file} yet: `course grade run LAB` makes it")
            _make_sqlite(file)
        try:
            gradebook = Gradebook(self.db_url, self.id)
        except OperationalError as error:
            raise RuntimeError(f"the gradebook cannot be opened: {error.orig}") from error
        try:
            yield gradebook
        finally:
            gradebook.close()


def _make_sqlite(file: Path) -> None:
    """An empty gradebook, whole or not at all."""
    from course_staff.authoring.build import _empty_gradebook

    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".gradebook-") as folder:
        made = Path(folder, file.name)
        made.write_bytes(_empty_gradebook(DEFAULT_ID))
        try:
            os.link(made, file)
        except FileExistsError:
            pass
