"""What Python code does, read from its text alone: nothing is run."""
