"""What a piece of code does with the notebook's names, read from its text alone.

`proof/reach.py` and `marking/needed.py` follow them from cell to cell. Where the text leaves a doubt, more is read,
more may be bound, and less is bound for certain.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from course_staff.code.meddling import blind, called, meddles

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LET_ERRORS_THROUGH = {"without", "no_grad", "enable_grad", "inference_mode", "catch_warnings", "errstate", "fork_rng"}
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Names:
    """The names of the notebook in one cell. `blind`: it may touch names unseen; `meddles`: things other than names."""

    needs: set[str] = field(default_factory=set)  # read before they are bound for certain
    binds: set[str] = field(default_factory=set)
    surely: set[str] = field(default_factory=set)  # bound whenever the cell runs to its end
    later: set[str] = field(default_factory=set)  # read inside functions, so when one of them is called
    imports: set[str] = field(default_factory=set)  # bound by an import
    fixed: set[str] = field(default_factory=set)  # bound to functions and classes that keep no data
    data: set[str] = field(default_factory=set)  # bound in any other way
    blind: bool = False
    meddles: bool = False


def names_of(code: str, imported: frozenset[str] = frozenset()) -> Names:
    """Read one cell. imported: names that imports bind elsewhere in the notebook."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # a magic, or an answer that is no Python
        return Names(blind=True, meddles=True)
    names = names_in(tree)
    names.meddles = names.blind or meddles(tree, names.imports | imported)
    return names


def names_in(tree: ast.Module) -> Names:
    """The names of code that has been parsed, without a look at whether it meddles."""
    walk = _Walk()
    for statement in tree.body:
        walk.visit(statement)
    walk.names.surely = walk.sure
    walk.names.blind = blind(tree)
    return walk.names


class _Walk(ast.NodeVisitor):
    """Follows the code in the order in which it runs; `sure` holds what is bound by then, whichever way it took."""

    def __init__(self, sure: set[str] | None = None):
        self.names = Names()
        self.sure = set() if sure is None else sure
        self.waiting: dict[str, set[str]] = {}  # function of this cell -> what it reads when it is called

    def bind(self, name: str, kind: str = "data") -> None:
        self.names.binds.add(name)
        getattr(self.names, kind).add(name)
        self.sure.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self.bind(node.id)
            return
        self._read({node.id})
        if isinstance(node.ctx, ast.Del):
            self.bind(node.id)
            self.sure.discard(node.id)

    def _read(self, names: set[str]) -> None:
        """Names are read, and functions of this cell that are among them may be called now."""
        known, pending = set(), set(names)
        while pending:
            known |= pending
            pending = set().union(*(self.waiting.get(name, set()) for name in pending)) - known
        self.names.needs |= known - self.sure

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self.bind(alias.asname or alias.name.partition(".")[0], "imports")

    visit_ImportFrom = visit_Import

    def visit_Assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        for part in (getattr(node, "annotation", None), node.value, *getattr(node, "targets", [])):
            if part is not None:
                self.visit(part)
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            self.visit(node.target)

    visit_AnnAssign = visit_Assign

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._read({node.target.id})
        self.visit(node.value)
        self.visit(node.target)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._perhaps([node.target])  # behind `and`, `or` and `if` it may not run

    def _function(self, node: ast.AST) -> None:
        for part in _outside(node):
            self.visit(part)
        free = _free(node)
        self.names.later |= free
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            self._define(node, free)
        else:
            self._read(free)
        if isinstance(node, _COMPREHENSIONS):
            for inner in ast.walk(node):
                if isinstance(inner, ast.NamedExpr):
                    self._perhaps([inner.target])

    def _define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, free: set[str]) -> None:
        self.bind(node.name, "fixed" if _keeps_nothing(node) else "data")
        self.waiting[node.name] = self.waiting.get(node.name, set()) | free
        if node.decorator_list:
            self._read({node.name})

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function
    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in _outside(node):
            self.visit(part)
        inside = _Walk(sure=set(self.sure))
        for statement in node.body:
            inside.visit(statement)
        # its methods read when they are called, and see the names of the notebook where the class body sees its own
        self.names.later |= inside.names.later
        self._read(inside.names.needs - {node.name})
        self._define(node, inside.names.later)

    def _one_of(self, *blocks: list) -> None:
        """Blocks of which one runs. What all of them bind is sure afterwards; those that leave do not count."""
        before, after = set(self.sure), []
        for block in blocks:
            self.sure = set(before)
            for part in block:
                self.visit(part)
            if not _leaves(block):
                after.append(self.sure)
        self.sure = set.intersection(*after) if after else before

    def _perhaps(self, *blocks: list) -> None:
        self._one_of(*blocks, [])

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._one_of(node.body, node.orelse)

    def visit_While(self, node: ast.While) -> None:
        self.visit(node.test)
        self._perhaps(node.body, node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self._perhaps([node.target, *node.body], node.orelse)

    visit_AsyncFor = visit_For

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        before = set(self.sure)
        self._one_of([*node.body, *node.orelse], *([handler] for handler in node.handlers))
        after, self.sure = self.sure, before  # `finally` may begin after any statement
        for part in node.finalbody:
            self.visit(part)
        self.sure |= after

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        parts = [*node.items, *node.body]
        if all(called(item.context_expr) in _LET_ERRORS_THROUGH for item in node.items):
            for part in parts:  # so the block ran to its end, if anything after it runs
                self.visit(part)
        else:
            self._perhaps(parts)

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._perhaps(*([case] for case in node.cases))

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
        for name in _captured(node):
            self.bind(name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchMapping = visit_MatchAs


def _leaves(block: list) -> bool:
    """Does control never come to what stands after the block?"""
    last = block[-1] if block else None
    while isinstance(last, ast.ExceptHandler):
        last = last.body[-1]
    return isinstance(last, (ast.Raise, ast.Return, ast.Continue, ast.Break))


def _outside(node: ast.AST) -> list[ast.AST]:
    """The parts of a function, class or comprehension that run where it stands, not inside it."""
    if isinstance(node, _COMPREHENSIONS):
        return [node.generators[0].iter]
    found = [*getattr(node, "decorator_list", []), *getattr(node, "bases", [])]
    found += [keyword.value for keyword in getattr(node, "keywords", [])]
    arguments = getattr(node, "args", None)
    if arguments is not None:
        found += [part for part in (*arguments.defaults, *arguments.kw_defaults) if part is not None]
        found += [part.annotation for part in _parameters(arguments) if part.annotation is not None]
    returns = getattr(node, "returns", None)
    if returns is not None:
        found.append(returns)
    return found


def _parameters(given: ast.arguments) -> list[ast.arg]:
    rest = [part for part in (given.vararg, given.kwarg) if part is not None]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]


def _free(node: ast.AST) -> set[str]:
    """The names that a function or comprehension takes from outside."""
    own, read, pending = set(), set(), list(ast.iter_child_nodes(node))
    if isinstance(node, _FUNCTIONS):
        own |= {part.arg for part in _parameters(node.args)}
        pending = list(node.body) if isinstance(node.body, list) else [node.body]
    while pending:
        part = pending.pop()
        if isinstance(part, (*_FUNCTIONS, *_COMPREHENSIONS)):
            read |= _free(part)
            own |= {part.name} if hasattr(part, "name") else set()
            pending += _outside(part)
            continue
        if isinstance(part, ast.Name):
            (read if isinstance(part.ctx, ast.Load) else own).add(part.id)
        own |= _captured(part)
        if isinstance(part, ast.ClassDef):  # what its body binds is not the function's: taken for read from outside
            own.add(part.name)
            read |= {inner.id for inner in ast.walk(part) if isinstance(inner, ast.Name)}
        else:
            pending += ast.iter_child_nodes(part)
    return read - own


def _captured(node: ast.AST) -> set[str]:
    """Names bound by other means than ast.Name."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return {node.name} if node.name is not None else set()
    return {node.rest} if isinstance(node, ast.MatchMapping) and node.rest is not None else set()


def _keeps_nothing(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    """A function or class that holds no data from call to call: no decorator, defaults that nobody can change."""
    if node.decorator_list:
        return False
    if isinstance(node, ast.ClassDef):
        functions = [part for part in node.body if not isinstance(part, (ast.Expr, ast.Pass))]
        return all(isinstance(part, ast.FunctionDef) and _keeps_nothing(part) for part in functions)
    defaults = [part for part in (*node.args.defaults, *node.args.kw_defaults) if part is not None]
    constant = (ast.Constant, ast.UnaryOp, ast.unaryop, ast.Tuple, ast.Load)
    return all(isinstance(inner, constant) for part in defaults for inner in ast.walk(part))
