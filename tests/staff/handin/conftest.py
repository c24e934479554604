"""An empty course, and what collects into it."""

import pytest
from classroom.handed_in import LAB, folder, zipped

from course_staff.course import Course
from course_staff.handin import collect as collecting


@pytest.fixture
def course(tmp_path) -> Course:
    (tmp_path / "course").mkdir()
    return Course.open(tmp_path / "course")


@pytest.fixture
def run(course, tmp_path):
    """Collect from files given as a folder or as a zip, with a table of students given as text."""

    def collect(files: dict[str, bytes], table: str | None = None, *, as_zip: bool = False, **more):
        number = len(list(tmp_path.iterdir()))
        source = tmp_path / f"class{number}" if not as_zip else tmp_path / f"class{number}.zip"
        if as_zip:
            source.write_bytes(zipped(files))
        else:
            source.mkdir()
            folder(source, files)
        if table is not None:
            more["students"] = tmp_path / "table.csv"
            more["students"].write_text(table, encoding="utf-8")
        return collecting.collect(course, LAB, source, **more)

    return collect
