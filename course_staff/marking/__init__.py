"""One submission is marked: read, restored, run, compared with hidden values; a pure function of its input."""
