"""The course's website: pages derived from labs, lectures, library and handbooks, for Sphinx. `make site` builds it."""
