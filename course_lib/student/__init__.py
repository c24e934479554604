"""A student's day with the labs: how far am I (`my`), errors in plain words, a new version, back to the stub.

A public face; light to import. The command line's side (`course my`, `course update`) is `commands`.
"""

from course_lib.student.live import my, watch
from course_lib.student.words import show_sentences_first

__all__ = ["my", "show_sentences_first", "watch"]
