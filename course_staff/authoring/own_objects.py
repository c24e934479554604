"""The calls of `yours` in a lab: each must name an exercise, and an object that the exercise's test has seen."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nbformat import NotebookNode


def wrong_calls(notebook: NotebookNode, exercises: Sequence[str]) -> list[str]:
    """What is wrong with them, a sentence each. exercises: those that have a test."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tests = {cell.metadata.get("nbgrader", {}).get("grade_id", ""): cell.source for cell in code}
    problems = []
    for exercise, name in (call for cell in code for call in _calls(cell.source)):
        if exercise not in exercises:
            problems.append(f"yours({exercise!r}, …): no exercise with a test is called so")
        elif not name or name not in _names(tests[f"{exercise}_test"]):
            problems.append(
                f"yours({exercise!r}, …, name={name!r}): the test of the exercise uses nothing of that name"
            )
    return problems


def _calls(source: str) -> list[tuple[str, str]]:
    """Exercise and name of each call; what is no plain text comes as an empty one."""
    found = []
    for node in _nodes(source):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "yours":
            names = [item.value for item in node.keywords if item.arg == "name"]
            found.append((_plain(node.args[:1]), _plain(names)))
    return found


def _plain(nodes: Sequence[ast.expr]) -> str:
    value = nodes[0].value if nodes and isinstance(nodes[0], ast.Constant) else ""
    return value if isinstance(value, str) else ""


def _names(source: str) -> set[str]:
    return {node.id for node in _nodes(source) if isinstance(node, ast.Name)}


def _nodes(source: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a line of IPython's own
        return []
