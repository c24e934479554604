"""Files that students hand in, as an LMS packs them, and what a collection has made of them."""

import io
import json
import zipfile
from pathlib import Path

from course_staff.course import Course

LAB = "lab42_doubling"


def notebook(text: str = "1 + 1") -> bytes:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None, "source": text}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


def folder(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def zipped(files: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return memory.getvalue()


def taken(course: Course) -> dict[str, bytes]:
    return {path.parent.parent.name: path.read_bytes() for path in course.root.glob(f"submitted/*/{LAB}/{LAB}.ipynb")}
