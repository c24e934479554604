"""The course folder: whatever it is called, the gradebook lies in it, for us and for nbgrader itself."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("nbgrader")

from traitlets.config.loader import PyFileConfigLoader

from course_staff.authoring import build
from course_staff.course import Course
from course_staff.database import sqlite_url
from course_staff.gradebook.backup import backup

ROOT = Path(__file__).parents[2]
NAMES = ["plain é (1)", "MRI%20course", "MRI course", "Denoising?", "100% MRI", "C#1", "$HOME x", "~", "a&b=c;d", "%41"]


@pytest.mark.parametrize("own_config", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_the_gradebook_lies_in_the_course_folder_whatever_that_is_called(tmp_path, name, own_config):
    root = tmp_path / name / "course"
    root.mkdir(parents=True)
    if own_config:
        shutil.copy(ROOT / "nbgrader_config.py", root)
    course = Course.open(root)
    assert course.sqlite_file == root / "gradebook.db"
    with course.gradebook(create=True) as gradebook:
        gradebook.add_student("ada")
    with closing(sqlite3.connect(root / "gradebook.db")) as database:
        assert database.execute("select id from student").fetchall() == [("ada",)]
    assert backup(course).parent == root / "backups"
    assert [path.name for path in tmp_path.iterdir()] == [name], "no other folder is made"
    if own_config:  # what formgrader and stock nbgrader read
        config = PyFileConfigLoader(str(root / "nbgrader_config.py")).load_config()
        assert config.CourseDirectory.db_url == course.db_url == sqlite_url(root / "gradebook.db")
        moved = build._nbgrader_config(root, tmp_path / name)
        assert Course(root, moved.CourseDirectory.db_url).sqlite_file == tmp_path / name / "gradebook.db"


def test_a_name_that_sqlalchemy_cannot_say_is_refused_not_sent_elsewhere(monkeypatch):
    import sqlalchemy.engine

    def as_version_2_0_read_it(url):
        return sqlalchemy.engine.URL.create("sqlite", database=url.removeprefix("sqlite:///").partition("?")[0])

    monkeypatch.setattr(sqlalchemy.engine, "make_url", as_version_2_0_read_it)
    assert sqlite_url(Path("/course/gradebook.db"))
    with pytest.raises(RuntimeError, match="rename the folder"):
        sqlite_url(Path("/Denoising?/gradebook.db"))
