"""course_lib: the library that the labs of the course build toward.

Importing it starts nothing, downloads nothing and touches no global state. Open the package that you need: `noise`,
`metrics` and `kspace` (the ground); `losses` and `data`; `classical` and `models`; then `training`, `viz`, `evaluation`
and `leaderboard`. Each has a public face, its `__init__`; the files behind it hold one idea each. `images`, `detection`
and `profiles` are single files. The instructor's side is a package of its own, `course_staff`.
"""

__version__ = "0.2.0"
