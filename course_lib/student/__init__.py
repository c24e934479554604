"""A student's day with the labs: how far am I (`my`), instant questions, errors in plain words, a new version.

A public face; light to import. The command line's side (`course my`, `course update`) is `commands`.
"""

from course_lib.student.instant import instant_questions
from course_lib.student.live import my, watch
from course_lib.student.words import show_sentences_first

__all__ = ["instant_questions", "my", "show_sentences_first", "watch"]
