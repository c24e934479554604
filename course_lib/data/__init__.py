"""The course's data: `digits` and `brains` give tensors, `sources` and `fetch` know what lies online.

The folder `samples` holds what is embedded. Importing this downloads nothing and reads nothing.
"""

from .digits import digits

__all__ = ["digits"]
