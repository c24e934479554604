"""What people read after a run: report, feedback, export, mistakes, similar answers."""
