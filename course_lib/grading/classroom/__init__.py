"""Grading of a whole class: collection, a sandbox, a pool of workers, nbgrader's gradebook, reports."""
