"""The instructor's side: write labs, prove their graders, grade a class. Imports none of the science."""
