"""course_lib: the library that the labs of the course build toward.

Importing it starts nothing, downloads nothing and touches no global state. Open the module that you need: `noise`,
`metrics` and `images` (the ground), `models`, `data`, then `training`, `viz`; `grading` is the instructor's side.
"""

__version__ = "0.1.0"
