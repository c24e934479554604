"""A lab is one text file: read, derived into notebooks, linked to where the course lives."""
