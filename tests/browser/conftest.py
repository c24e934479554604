"""Let browser tests use the small course of tests/classroom."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
