"""What in a student's code could meddle with Python, with the library or with the check: read from its text.

Lines for a person to look at, never a proof and never a penalty: whoever learns tries things. `meddling.py` asks the
same of an instructor's wrong answers, and is far more suspicious.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from course_staff.code.meddling import called, root_of
from course_staff.code.strangers import LONGEST, parsed

MOST = 12  # hints of one cell: more say no more
_TRACES = "follows or changes code while it runs"
_FRAMES = "looks into the frames of other code"
_IPYTHON = "changes how IPython runs cells"
_APART = "takes functions apart"
_OBJECTS = "searches all objects of the process"
_BUILTINS = "touches Python's builtins"
_LOADED = "reaches into loaded modules"
_SOURCES = "reads the source of code"
_TEXT = "runs text as code"
_NAMES = "reaches names by text"
_OUTSIDE = "runs other programs, or compiled code of its own"
_COMPARES = "answers comparisons and calls of numpy or torch by itself"
_STAFF = "names the grader"

_ATTRIBUTES = {
    _TRACES: "settrace setprofile setswitchinterval addaudithook monitoring",
    _FRAMES: "_getframe _current_frames currentframe f_globals f_locals f_back f_builtins f_code tb_frame tb_next"
    " gi_frame cr_frame getouterframes getinnerframes walk_stack",
    _IPYTHON: "ast_transformers ast_node_interactivity input_transformer_manager input_transformers_post"
    " cleanup_transforms line_transforms token_transforms set_custom_exc run_cell run_code run_ast_nodes user_ns"
    " user_global_ns InteractiveShell displayhook display_pub showtraceback _showtraceback",
    _APART: "__code__ __globals__ __closure__ __defaults__ __kwdefaults__ co_code co_consts FunctionType CodeType"
    " LambdaType CellType __wrapped__ __reduce_ex__",
    _OBJECTS: "get_objects get_referrers get_referents __subclasses__",
    _BUILTINS: "__builtins__ __import__",
    _LOADED: "meta_path path_hooks path_importer_cache __dict__ __loader__ __spec__ spec_from_file_location"
    " module_from_spec reload attrgetter methodcaller",
    _SOURCES: "getsource getsourcelines getsourcefile get_source get_data getlines __file__ __path__ __cached__",
    _OUTSIDE: "system popen fork execv execve execvp spawnv Popen check_output CDLL PyDLL pythonapi",
}
_BY_ATTRIBUTE = {name: why for why, names in _ATTRIBUTES.items() for name in names.split()}
_MODULES = {
    "builtins": _BUILTINS,
    "__builtin__": _BUILTINS,
    "gc": _OBJECTS,
    "ctypes": _OUTSIDE,
    "cffi": _OUTSIDE,
    "subprocess": _OUTSIDE,
    "inspect": _SOURCES,
    "linecache": _SOURCES,
    "dis": _APART,
    "marshal": _APART,
    "codeop": _IPYTHON,
    "IPython.core": _IPYTHON,
    "runpy": _TEXT,
    "importlib": _LOADED,
    "pkgutil": _LOADED,
    "zipimport": _LOADED,
    "imp": _LOADED,
    "mock": _TRACES,
    "unittest": _TRACES,
    "bdb": _TRACES,
    "trace": _TRACES,
    "__main__": _NAMES,
    "course_staff": _STAFF,
}
_NAMED = {"exec": _TEXT, "eval": _TEXT, "compile": _TEXT, "globals": _NAMES, "__import__": _LOADED}
_NAMED |= {"__builtins__": _BUILTINS, "__loader__": _LOADED, "__spec__": _LOADED}
_DEFINED = set(
    "__eq__ __ne__ __lt__ __le__ __gt__ __ge__ __array__ __array_function__ __array_ufunc__ __torch_function__"
    " __torch_dispatch__ __instancecheck__ __subclasscheck__ __class__ __getattribute__ NodeTransformer".split()
)
_SHELL = re.compile(
    r"^[ \t]*!(?![ \t]*(?:pip|apt|apt-get|wget|curl|ls|nvidia-smi|unzip|git|mkdir|cat|echo)\b).*$", re.M
)
_LIBRARY = re.compile(r"course_lib[/\\.]|site-packages|/opt/course")
_SETTINGS = re.compile(r"^(torch\.backends|(plt|mpl|matplotlib|pyplot)\b|warnings|os\.environ|pd|pandas)")
_MAGICS = {"run_line_magic", "run_cell_magic", "magic", "system", "getoutput"}


def hints(code: str, modules: frozenset[str] = frozenset()) -> list[str]:
    """What stands in the code that a person may want to look at: each "what it does (line 3: its first words)".

    modules: names that imports bind elsewhere in the notebook.
    """
    tree = parsed(code)
    if tree is None:
        return [f"it is longer than {LONGEST} characters, and was not read"] if len(code) > LONGEST else []
    found: dict[tuple[str, str], int] = {}
    for why, word, line in _hints(tree, modules):
        found.setdefault((why, word), line)
    for shell in _SHELL.finditer(code):
        found.setdefault((_OUTSIDE, shell[0].strip()[:40]), code.count("\n", 0, shell.start()) + 1)
    ordered = sorted(found.items(), key=lambda item: item[1])[:MOST]
    return [f"{why} (line {line}: {word})" for (why, word), line in ordered]


def _hints(tree: ast.Module, modules: frozenset[str]) -> Iterator[tuple[str, str, int]]:
    nodes = list(ast.walk(tree))
    imported = _imported(nodes, modules)
    for node in nodes:
        for why, word in _of(node, imported):
            yield why, word, getattr(node, "lineno", 0)


def _imported(nodes: list[ast.AST], modules: frozenset[str]) -> set[str]:
    """The names of modules and of what comes from them, also where they were given a second name, as in `t = torch`."""
    found = set(modules)
    for node in nodes:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.Name, ast.Attribute)):
            if root_of(node.value) in found:
                found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def _of(node: ast.AST, imported: set[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from _of_import(node)
    elif isinstance(node, ast.Attribute):
        yield from _of_attribute(node, imported)
    elif isinstance(node, ast.Name) and node.id in _NAMED:
        yield _NAMED[node.id], node.id
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in _DEFINED:
        yield _COMPARES, node.name
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 1000:
        if "course_staff" in node.value:
            yield _STAFF, repr(node.value)[:40]
        elif _LIBRARY.search(node.value):
            yield _SOURCES, repr(node.value)[:40]
        elif node.value in _BY_ATTRIBUTE:
            yield _BY_ATTRIBUTE[node.value], repr(node.value)
    elif isinstance(node, ast.Call):
        yield from _of_call(node, imported)
    elif isinstance(node, ast.Subscript) and _dotted(node.value) == "sys.modules":
        yield _LOADED, "sys.modules"


def _of_import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    module = getattr(node, "module", None) or ""
    for alias in node.names:
        path = f"{module}.{alias.name}" if module else alias.name
        for length in range(1, path.count(".") + 2):
            part = ".".join(path.split(".")[:length])
            if part in _MODULES:
                yield _MODULES[part], f"import {path}"
        if alias.name in _BY_ATTRIBUTE and module:
            yield _BY_ATTRIBUTE[alias.name], f"import {path}"


def _of_attribute(node: ast.Attribute, imported: set[str]) -> Iterator[tuple[str, str]]:
    path = _dotted(node) or f"….{node.attr}"
    if node.attr in _BY_ATTRIBUTE:
        yield _BY_ATTRIBUTE[node.attr], path
    elif node.attr in _DEFINED and not isinstance(node.ctx, ast.Load):
        yield _COMPARES, path
    elif path == "sys.modules":
        yield _LOADED, path
    elif not isinstance(node.ctx, ast.Load) and root_of(node) in imported and not _SETTINGS.match(path):
        yield "exchanges a part of a module", path
    elif isinstance(node.value, ast.Call) and called(node.value) == "get_ipython" and node.attr not in _MAGICS:
        yield _IPYTHON, f"get_ipython().{node.attr}"


def _of_call(node: ast.Call, imported: set[str]) -> Iterator[tuple[str, str]]:
    name, first = called(node), node.args[0] if node.args else None
    if (
        name in ("setattr", "delattr")
        and isinstance(node.func, ast.Name)
        and first is not None
        and root_of(first) in imported
    ):
        yield "exchanges a part of a module", f"{name}({root_of(first)}, …)"
    if name in ("getattr", "vars") and isinstance(node.func, ast.Name) and first is not None:
        by_text = len(node.args) > 1 and not isinstance(node.args[1], ast.Constant)
        if root_of(first) in imported | {"get_ipython"} and (by_text or name == "vars"):
            yield _LOADED, f"{name}({root_of(first)}, …)"


def _dotted(node: ast.AST) -> str:
    """a.b.c as written; empty for what is no chain of names."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""
