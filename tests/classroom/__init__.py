"""What the tests of grading share: a small course, and submissions of all kinds."""
