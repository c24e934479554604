"""What a student sees of a test cell: how long it may be, and that none of its own functions is the answer.

A student can paste whatever stands in a visible test. So each function and class that a test defines is tried as the
answer: a wrong answer made by the machine, which must lose the points like any other.
"""

from __future__ import annotations

import ast

from nbformat import NotebookNode

from course_staff.authoring.source import BEGIN_HIDDEN, END_HIDDEN, WrongAnswer

LINES, CHARACTERS = 30, 100  # of a visible test cell, and of each of its lines
PASTES = "pastes_"  # begins the name of a wrong answer made here


def visible(test: str) -> str:
    """The part of a test cell that students get."""
    shown, hidden = [], False
    for line in test.split("\n"):
        hidden = hidden or BEGIN_HIDDEN in line
        if not hidden:
            shown.append(line)
        hidden = hidden and END_HIDDEN not in line
    return "\n".join(shown)


def too_long(name: str, test: str) -> list[str]:
    """What is wrong with the size of a visible test, in words."""
    lines = visible(test).strip().split("\n")
    wide = [number for number, line in enumerate(lines, 1) if len(line) > CHARACTERS]
    problems = []
    if len(lines) > LINES:
        problems.append(f"{name}: a student sees at most {LINES} lines of a test, these are {len(lines)}: hide some")
    if wide:
        problems.append(f"{name}: lines of at most {CHARACTERS} characters; longer: {', '.join(map(str, wide))}")
    return problems


def pasted(exercise: str, answer: NotebookNode, test: NotebookNode) -> list[WrongAnswer]:
    """A wrong answer for each function or class that the visible test defines and each name that the answer binds.

    Each is the solution with that one name taken over by the test's definition, which has with it all other
    definitions, imports and plain values of the visible test. So what is left right is what the test gave away.
    """
    seen = ast.parse(visible(test.source))
    definitions = [node for node in ast.walk(seen) if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    named = [node for node in ast.walk(seen) if isinstance(node, ast.Assign) and _named_lambda(node)]
    found = dict.fromkeys([*(node.name for node in definitions), *map(_named_lambda, named)])
    kept = [node for node in seen.body if isinstance(node, (ast.Import, ast.ImportFrom)) or _is_plain(node)]
    given = "\n".join(_tried(node) for node in [*kept, *definitions, *named])
    names = _bound(answer.source)
    used = {node.id for node in ast.walk(ast.parse(test.source)) if isinstance(node, ast.Name)}
    return [
        WrongAnswer(
            exercise,
            f"{PASTES}{own}" + (f"_as_{name}" if len(names) > 1 else ""),
            f"Pastes `{own}`, which the visible test defines.",
            f"{answer.source}\n{given}\n{name} = {own}\n",
        )
        for own in found
        for name in names
        if name in used and name != own
    ]


def _tried(node: ast.stmt) -> str:
    """The statement, of which an error must not keep what follows from being pasted."""
    lines = ast.unparse(node).replace("\n", "\n    ")
    return f"try:\n    {lines}\nexcept Exception:\n    pass"


def _bound(code: str) -> list[str]:
    """The functions, classes and variables that an answer cell binds at its top level."""
    found: dict[str, None] = {}
    for node in ast.parse(code).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name] = None
        elif isinstance(node, ast.Assign):
            found |= {target.id: None for target in node.targets if isinstance(target, ast.Name)}
    return list(found)


def _named_lambda(node: ast.AST) -> str:
    """The name that a lambda is given; empty for whatever else."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def _is_plain(node: ast.AST) -> bool:
    """An assignment that calls nothing: a number or a table that a definition may read."""
    return isinstance(node, ast.Assign) and not any(isinstance(part, ast.Call) for part in ast.walk(node.value))
