"""Does code touch more than the names that it writes? Modules, settings, the interpreter, names made from text.

Read from the text alone, and suspicious: what merely looks like it counts. A wrong answer that does any of this is
graded with the whole lab.
"""

from __future__ import annotations

import ast
import re

# by these, code reads or binds names that stand nowhere in its text
_BLIND = set("eval exec compile globals locals vars dir get_ipython breakpoint __import__ __builtins__".split())
_BLIND_ATTRIBUTES = {"f_globals", "f_locals", "f_back", "f_builtins", "_getframe"}
_BLIND_MODULES = set("IPython __main__ builtins ctypes gc inspect runpy".split())
# by these, code reaches other modules, the interpreter or its settings
_MEDDLING_MODULES = set(
    "atexit faulthandler importlib logging mock multiprocessing os pytest signal site subprocess sys threading types"
    " unittest".split()
)
# called on a module, these change its state: torch.manual_seed, np.seterr, torch.set_default_dtype, TABLE.append …
_SETTER = re.compile(
    r"^(add|append|clear|del|discard|disable|enable|extend|filterwarnings|insert|manual_seed|patch|pop|register|reload"
    r"|remove|reset|restore|seed|set|simplefilter|unregister|update|use_)"
)
_NO_SETTER = {"enable_grad"}  # does nothing before `with`, and that puts it back
_PUT_BACK = {  # what such a `with` undoes
    "fork_rng": {"manual_seed"},
    "catch_warnings": {"simplefilter", "filterwarnings"},
}
_SPECIAL = re.compile(r"__\w+__")  # __dict__, __code__, __class__ …
_HARMLESS = {"__init__", "__call__", "__len__", "__name__", "__version__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def blind(tree: ast.AST) -> bool:
    """May the code read or bind a name of the notebook that it does not write?"""
    plain = {id(_asks_whose_code(node)) for node in ast.walk(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Global) or (isinstance(node, ast.Name) and node.id in _BLIND):
            return True
        if isinstance(node, ast.Attribute) and id(node) not in plain:
            special = _SPECIAL.fullmatch(node.attr) and node.attr not in _HARMLESS
            if special or node.attr in _BLIND_ATTRIBUTES:
                return True
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if any(word == "*" or word.partition(".")[0] in _BLIND_MODULES for word in _words(node)):
                return True
    return False


def _asks_whose_code(node: ast.AST) -> ast.AST | None:
    """`frame.f_globals` of `frame.f_globals.get("__name__", …)`, by which a test finds out whose code runs."""
    if not (isinstance(node, ast.Call) and called(node) == "get" and isinstance(node.func, ast.Attribute)):
        return None
    name = node.args[0] if node.args else None
    return node.func.value if isinstance(name, ast.Constant) and name.value == "__name__" else None


def meddles(tree: ast.AST, imported: set[str]) -> bool:
    """May the code change a module, or a setting that outlives it?

    imported: names that are modules, or come from one.
    """
    here, functions = _one_scope(tree)
    own = {node.id for node in here if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    given = {node.arg for node in here if isinstance(node, ast.arg)}
    foreign = _with_aliases(here, imported - own - given)
    undone = {id(call) for node in here if isinstance(node, ast.With) for call in _undone(node)}
    if any(_changes(node, foreign, own - foreign) for node in here if id(node) not in undone):
        return True
    return any(meddles(function, foreign) for function in functions)


def _undone(node: ast.With) -> list[ast.Call]:
    """The calls in a `with` block whose effect ends with it."""
    names = set().union(*(_PUT_BACK.get(called(item.context_expr), ()) for item in node.items))
    return [part for part in ast.walk(node) if isinstance(part, ast.Call) and called(part) in names]


def _one_scope(tree: ast.AST) -> tuple[list[ast.AST], list[ast.AST]]:
    """The nodes of a scope, and the functions in it, which have scopes of their own."""
    here: list[ast.AST] = []
    functions: list[ast.AST] = []
    pending = list(ast.iter_child_nodes(tree))
    while pending:
        node = pending.pop()
        if isinstance(node, _FUNCTIONS):
            functions.append(node)
        else:
            here.append(node)
            pending += ast.iter_child_nodes(node)
    return here, functions


def _with_aliases(here: list[ast.AST], foreign: set[str]) -> set[str]:
    """`foreign`, what is imported here, and each name that is given such a thing, as in `n = np` or `g = np.random`."""
    foreign = set(foreign)
    for node in here:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            foreign |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    while True:
        found = set().union(*(targets for targets, given in map(_given, here) if given & foreign)) - foreign
        if not found:
            return foreign
        foreign |= found


def _given(node: ast.AST) -> tuple[set[str], set[str]]:
    """The names that a statement binds, and those of which they may be given a part."""
    if isinstance(node, ast.arguments):
        return {part.arg for part in [*node.posonlyargs, *node.args, *node.kwonlyargs]}, set().union(
            *(_hands_on(part) for part in [*node.defaults, *node.kw_defaults] if part is not None)
        )
    field = {ast.For: "iter", ast.comprehension: "iter", ast.withitem: "context_expr"}.get(type(node), "value")
    value = getattr(node, field, None)
    targets = getattr(node, "targets", [getattr(node, "target", None), getattr(node, "optional_vars", None)])
    bound = {part.id for target in targets if target for part in ast.walk(target) if isinstance(part, ast.Name)}
    return bound, _hands_on(value) if bound and isinstance(value, ast.AST) else set()


def _hands_on(value: ast.AST) -> set[str]:
    """The names of which the value may be a part; a call or an operation makes something new."""
    if isinstance(value, ast.Call):
        kept = called(value) in ("getattr", "iter") and value.args
        return _hands_on(value.args[0]) if kept else set()
    if isinstance(value, ast.Name):
        return {value.id}
    if isinstance(value, (ast.BinOp, ast.Compare, ast.UnaryOp, *_FUNCTIONS)):
        return set()
    return set().union(*map(_hands_on, ast.iter_child_nodes(value)))


def _changes(node: ast.AST, foreign: set[str], own: set[str]) -> bool:
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        root = root_of(node)  # the attributes of an object that someone else made are left to the whole lab
        return root != "self" and root not in own
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return root_of(node) in foreign
    if isinstance(node, ast.Name):
        return node.id in ("setattr", "delattr") or (node.id in _MEDDLING_MODULES and node.id in foreign)
    if isinstance(node, ast.Call):
        setter = bool(_SETTER.search(called(node))) and called(node) not in _NO_SETTER
        return setter and bool(_hands_on(node.func) & foreign)
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return any(_SETTER.search(word) or word.partition(".")[0] in _MEDDLING_MODULES for word in _words(node))
    return False


def called(node: ast.AST) -> str:
    """f of f(x) and of a.b.f(x); empty where nothing is called by a name."""
    function = getattr(node, "func", None)
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def root_of(node: ast.AST) -> str:
    """x of x.a[0].b(1)[2]; empty where there is none."""
    while not isinstance(node, ast.Name):
        inner = getattr(node, "value", None) or getattr(node, "func", None)
        if not isinstance(inner, ast.AST):
            return ""
        node = inner
    return node.id


def _words(node: ast.Import | ast.ImportFrom) -> list[str]:
    module = node.module if isinstance(node, ast.ImportFrom) else None
    return [alias.name for alias in node.names] + ([module] if module else [])
