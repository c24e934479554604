"""IXI's spreadsheet: what is done to each of its problems, on made-up rows and, where it is here, on the file."""

import datetime
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from course_lib.data import demographics, sources
from course_lib.data.demographics import Person, age_group, clean, read_demographics

NAMES = {1: "White", 5: "Chinese"}


def spreadsheet() -> Path:
    """IXI.xls where $COURSE_IXI_XLS says, in the data folder, or beside the repository; else the test is skipped."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "IXI.xls"
    for path in (os.environ.get("COURSE_IXI_XLS"), Path(os.environ.get("COURSE_DATA", ".")) / "IXI.xls", beside):
        if path and Path(path).is_file():
            return Path(path)
    pytest.skip("IXI.xls is not here: `course data fetch ixi_demographics`, or name it in COURSE_IXI_XLS")


@pytest.fixture(scope="module")
def ixi():
    return read_demographics(spreadsheet(), report=False)


def row(number=7, sex=1.0, height=175.0, weight=70.0, ethnicity=1.0, age=40.0, study_date=datetime.date(2006, 1, 1)):
    return locals()


def one(*rows) -> Person:
    (person,) = clean(rows, NAMES).people.values()
    return person


def corrections(found) -> dict[str, demographics.Correction]:
    return {correction.problem: correction for correction in found.corrections}


# --- the rules, on made-up rows


def test_a_clean_row_is_taken_as_it_is_and_reported_as_nothing():
    found = clean([row()], NAMES)
    assert found.people == {7: Person(7, "male", 40.0, "White", 175.0, 70.0)}
    assert found.corrections == () and found.rows == 1


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        ({"age": ""}, "age"),
        ({"age": "forty"}, "age"),
        ({"age": float("nan")}, "age"),
        ({"ethnicity": 0.0}, "ethnicity"),
        ({"sex": 0.0}, "sex"),
        ({"sex": ""}, "sex"),
        ({"height": 0.0}, "height"),
        ({"weight": 0.0}, "weight"),
        ({"height": 1850.0}, "height"),
        ({"height": 75.0}, "height"),
        ({"weight": 960.0}, "weight"),
        ({"age": 250.0}, "age"),
    ],
)
def test_what_is_missing_or_cannot_be_true_is_unknown_and_nothing_else_is(cells, key):
    person, whole = one(row(**cells)), one(row())
    assert getattr(person, key) is None
    for other in {"sex", "age", "ethnicity", "height", "weight"} - {key}:
        assert getattr(person, other) == getattr(whole, other)


def test_an_ethnicity_without_a_name_is_a_group_of_its_own():
    assert one(row(ethnicity=2.0)).ethnicity == "code 2"


def test_two_rows_of_one_person_complete_each_other_in_either_order():
    empty = row(height=0.0, weight=0.0, ethnicity=0.0)
    assert one(row(), empty) == one(empty, row()) == one(row())


@pytest.mark.parametrize(
    ("key", "other"), [("sex", 2.0), ("age", 40.5), ("ethnicity", 5.0), ("height", 163.0), ("weight", 76.0)]
)
def test_what_two_rows_disagree_on_is_unknown(key, other):
    for rows in ([row(), row(**{key: other})], [row(**{key: other}), row()]):
        found = clean(rows, NAMES)
        assert getattr(found.people[7], key) is None
        assert corrections(found)[f"of these disagree on the {key}"].numbers == (7,)


def test_an_impossible_value_is_no_agreement_with_the_other_row():
    found = clean([row(height=1520.0), row(height=176.0)], NAMES)
    assert found.people[7].height is None
    assert "of these disagree on the height" in corrections(found)


def test_the_report_names_problem_count_deed_and_people():
    found = clean([row(1, age=""), row(2, age="", study_date=""), *(row(n, weight=0.0) for n in range(3, 13))], NAMES)
    lines = found.report.splitlines()
    assert lines[0] == "IXI demographics: 12 rows, 12 people"
    assert "  1 rows without age and without a scan: age unknown (IXI 2)" in lines[1]
    assert "  1 rows without age though scanned (no date of birth): age unknown (IXI 1)" in lines[2]
    assert " 10 rows with weight 0: unknown (IXI 3, 4, 5, 6, 7, 8, 9, 10, ...)" in lines[3]


@pytest.mark.parametrize(
    ("age", "group"),
    [
        (None, "unknown"),
        (0, "young"),
        (24.99, "young"),
        (25, "adult"),
        (64.99, "adult"),
        (65, "elderly"),
        (99, "elderly"),
    ],
)
def test_age_groups_are_those_of_the_thesis(age, group):
    assert age_group(age).startswith(group)


def test_strata_are_words_and_unknown_is_one_of_them():
    assert Person(1).strata() == dict.fromkeys(("age group", "sex", "ethnicity"), "unknown")
    assert Person(1, "female", 30.0, "White").strata()["age group"] == "adult (25 to 64)"


# --- the file itself


def test_the_copy_is_the_file_of_the_table():
    content = spreadsheet().read_bytes()
    source = sources.find("ixi_demographics")
    assert (source.hash, source.size) == ("sha256:" + hashlib.sha256(content).hexdigest(), len(content))


def test_every_known_problem_of_the_file_is_counted(ixi):
    counts = {correction.problem: correction.count for correction in ixi.corrections}
    assert (ixi.rows, len(ixi.people)) == (619, 593)
    assert counts == {
        "rows without age and without a scan": 26,
        "rows without age though scanned (no date of birth)": 3,
        "rows with ethnicity 0, a code for no answer": 37,
        "rows with an ethnicity that the spreadsheet does not name": 16,
        "rows with height 0": 51,
        "rows with weight 0": 52,
        "rows with height outside 100 to 220 cm (75, 1520, 1850)": 3,
        "rows with weight outside 30 to 200 kg (710, 710, 960)": 3,
        "IDs stand in several rows": 26,
        "of these disagree on the sex": 1,
        "of these disagree on the age": 2,
        "of these disagree on the height": 3,
        "of these disagree on the weight": 3,
    }


def test_what_is_left_of_the_file(ixi):
    people = ixi.people
    assert people[560].height is None and people[560].weight == 80  # 1850
    assert people[607].weight is None  # 960
    assert people[237] == Person(237, "female", people[237].age, "White", 167.0, None)  # the second row is empty
    assert people[219].age is None and people[219].ethnicity == "White"  # two women under one number
    assert people[328].sex is None and people[328].age is None
    assert people[416].height is None and people[416].weight is None  # 1520 and 176, 51 and 102
    assert people[341].age is None and people[341].height == 163
    assert people[74].ethnicity is None
    unknown = Counter(key for person in people.values() for key, value in person.strata().items() if value == "unknown")
    assert unknown == {"age group": 30, "ethnicity": 13, "sex": 1}
    assert Counter(person.ethnicity for person in people.values())["White"] == 474


def test_ages_of_the_file_are_days_between_birth_and_scan(ixi):
    """The column AGE is no mystery: an independent reading of the file's dates gives the same numbers."""
    from python_calamine import CalamineWorkbook

    compared = 0
    for cells in CalamineWorkbook.from_path(str(spreadsheet())).get_sheet_by_index(0).to_python()[1:]:
        birth, study = cells[8], cells[10]
        age = ixi.people[int(cells[0])].age
        if birth and study and age is not None:
            birth = datetime.date.fromisoformat(birth) if isinstance(birth, str) else birth
            assert (study - birth).days / 365.25 == pytest.approx(age, abs=1e-9)
            compared += 1
    assert compared == 590 - 4  # the rows of 219 and 328, whose ages are torn, are left out


def test_the_report_is_printed_once_unless_asked_not_to(capsys):
    read_demographics(spreadsheet(), report=False)
    assert capsys.readouterr().out == ""
    read_demographics(spreadsheet())
    out = capsys.readouterr().out
    assert out.startswith("IXI demographics: 619 rows, 593 people\n") and "960" in out and "1850" in out


# --- bad files


def test_a_missing_file_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="course data fetch ixi_demographics"):
        read_demographics(tmp_path / "IXI.xls")


@pytest.mark.parametrize(
    "content", [b"", b"<html>please log in</html>", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)]
)
def test_what_is_no_spreadsheet_is_named(tmp_path, content):
    path = tmp_path / "IXI.xls"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="IXI.xls: expected the spreadsheet"):
        read_demographics(path)


def test_another_spreadsheet_is_named_with_the_column_that_it_lacks(tmp_path, monkeypatch):
    import python_calamine

    class Book:
        def get_sheet_by_index(self, index):
            return self

        def get_sheet_by_name(self, name):
            return self

        def to_python(self):
            return [["IXI_ID", "AGE"], [1.0, 40.0]]

    monkeypatch.setattr(python_calamine.CalamineWorkbook, "from_path", staticmethod(lambda path: Book()), raising=False)
    path = tmp_path / "IXI.xls"
    path.touch()
    with pytest.raises(ValueError, match="expected a column SEX_ID, got IXI_ID, AGE"):
        read_demographics(path)


def test_import_is_light():
    program = (
        "import sys, course_lib.data.demographics;"
        "print(sorted({'python_calamine', 'torch', 'scipy', 'nibabel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
