"""nbgrader's configuration: `course build`, `course check`, stock `nbgrader` and the formgrader all read this file."""

from pathlib import Path

from sqlalchemy.engine import URL

root = Path(__file__).resolve().parent

c = get_config()  # noqa: F821 (nbgrader defines it)

# where things lie: solutions are derived from solutions/labNN_topic.py, labs/ is what students get
c.CourseDirectory.root = str(root)
c.CourseDirectory.course_id = "denoising-mri"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "labs"
# not glued together as text: of a folder called "MRI%20course" or "C#1" that would lead somewhere else
gradebook = URL.create("sqlite", database=str(root / "gradebook.db"), query={"timeout": "60"})
c.CourseDirectory.db_url = gradebook.render_as_string()

# the student version: what a stub says, and byte-identical files on every regeneration
c.ClearSolutions.code_stub = {
    "python": 'raise NotImplementedError("replace this line with your answer, then run the cell again")'
}
c.ClearSolutions.text_stub = "*Write your answer here, in place of this line.*"
c.GenerateAssignment.preprocessors = [
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearSolutions",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
    "course_staff.authoring.handed_out.HandedOut",
]
c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"nbgrader", "tags", "jupyter", "cellView"}
c.ClearMetadataPreprocessor.preserve_nb_metadata_mask = {"kernelspec", ("language_info", "name")}

# grading: a deleted test cell is put back; experiments (training, drawing, widgets) are skipped, since graded
# cells never depend on them (`course check` proves it); feedback does not show hidden tests
c.OverwriteCells.add_missing_cells = True
c.Execute.skip_cells_with_tag = "experiment"
c.Execute.timeout = 120
c.GenerateFeedback.preprocessors = [
    "nbgrader.preprocessors.GetGrades",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
]

# formgrader shows what students wrote: without these, a script in an answer would run in the instructor's browser
c.HTMLExporter.preprocessors = ["nbconvert.preprocessors.sanitize.SanitizeHTML"]
c.HTMLExporter.sanitize_html = True
