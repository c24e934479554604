"""nbgrader's gradebook: written once a run, backed up, read for marks; lateness; the release of a lab."""
