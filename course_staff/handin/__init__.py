"""What students hand in: archives and folders of an LMS become one notebook a student, or a row that says why not."""
