"""course_lib: the library that the labs of the course build toward.

Importing it starts nothing, downloads nothing and touches no global state. Open the module that you need: `noise`,
`metrics`, `kspace` and `images` (the ground); `losses`, `detection`, `classical`, `models`, `data`; then `training`,
`evaluation`, `viz`, `leaderboard`. `grading` is the instructor's side. A file whose name begins with an underscore is a
part of the module that imports it: `_rician` of `noise`, `_sampling` of `kspace`, `_trial` of `evaluation`.
"""

__version__ = "0.1.0"
