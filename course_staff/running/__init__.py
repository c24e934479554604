"""A class is graded: workers on this machine or by Dask, resumable, the same marks in any order."""
