"""The copy that students get: what is in it, that nothing secret is, and its git history."""
