"""All architectures of the course, one family a file. Open the file that you need: a model is a plain `nn.Module`.

`save`, `load`, `read_card` and `shipped` are those of `saved`: a trained model as a file, from which nothing is run.
"""

from course_lib.models.saved import load, read_card, save, shipped

__all__ = ["load", "read_card", "save", "shipped"]
