"""The changes that may be made to a module, each with a key that outlives changes elsewhere, and the draw among them.

Only what lies in the body of a function is changed: what a module does while it is imported (constants, the fields of
a class, defaults, decorators) was done before the change could be put in. Text with a space in it is for people and is
left alone: a test of its wording would only be its second copy.
"""

from __future__ import annotations

import ast
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_COMPARE: Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_ARITHMETIC: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_REMOVABLE = (
    ast.Expr,
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Raise,
    ast.Delete,
    ast.Assert,
    ast.Continue,
    ast.Break,
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: `spot` is its number among those of its module, `change` says it in words."""

    path: str
    module: str
    function: str
    line: int
    text: str
    operator: str
    change: str
    spot: int
    digest: str
    of_line: str

    @property
    def key(self) -> str:
        return f"{self.module}:{self.function}:{self.operator.replace(' ', '-')}:{self.digest}"

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class _Spot:
    function: str
    line: int
    operator: str
    change: str
    apply: Callable[[], None]


def _short(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:8]


def _words(node: ast.AST) -> str:
    words = ast.unparse(node).splitlines()[0]
    return words if len(words) <= 70 else words[:67] + "..."


def _negate(holder: ast.AST, field: str) -> Callable[[], None]:
    def apply() -> None:
        setattr(holder, field, ast.UnaryOp(ast.Not(), getattr(holder, field)))

    return apply


def _put(holder: ast.AST, field: str, value: object) -> Callable[[], None]:
    return lambda: setattr(holder, field, value)


def _skip(body: list[ast.stmt], at: int, *instead: ast.stmt) -> Callable[[], None]:
    """Leave the statement out, but let the compiler see it: what is a local, a closure, a generator stays one."""

    def apply() -> None:
        body[at : at + 1] = [ast.If(ast.Constant(False), [body[at]], []), *instead]

    return apply


def _other(value: object) -> object:
    """Return a value that stands in for a constant, or None if it stays."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if " " not in value:
            return value + "~"
        case bytes():
            return value + b"~"
    return None


class _Finder:
    """Walks a module and collects its spots, in the order of the source."""

    def __init__(self) -> None:
        self.spots: list[_Spot] = []
        self._function = ""

    def _add(self, node: ast.expr | ast.stmt, operator: str, change: str, apply: Callable[[], None]) -> None:
        self.spots.append(_Spot(self._function, node.lineno, operator, change, apply))

    def module(self, body: Iterable[ast.stmt], prefix: str = "") -> None:
        for statement in body:
            if isinstance(statement, _Function):
                self._function = prefix + statement.name
                self._block(statement.body)
            elif isinstance(statement, ast.ClassDef):
                self.module(statement.body, f"{prefix}{statement.name}.")

    def _nested(self, node: _Function) -> None:
        for outside in (*node.decorator_list, node.args):
            self._inside(outside)
        outer, self._function = self._function, f"{self._function}.<locals>.{node.name}"
        self._block(node.body)
        self._function = outer

    def _block(self, body: list[ast.stmt]) -> None:
        for at, statement in enumerate(body):
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            self._statement(body, at, statement)
            self._visit(statement)

    def _statement(self, body: list[ast.stmt], at: int, statement: ast.stmt) -> None:
        if isinstance(statement, _REMOVABLE) and not (isinstance(statement, ast.AnnAssign) and statement.value is None):
            operator = "raise removed" if isinstance(statement, ast.Raise) else "statement removed"
            self._add(statement, operator, f"without: {_words(statement)}", _skip(body, at))
        elif isinstance(statement, ast.Return) and ast.unparse(statement) not in ("return", "return None"):
            change = f"{_words(statement)} -> return None"
            self._add(statement, "none returned", change, _skip(body, at, ast.Return(ast.Constant(None))))

    def _visit(self, node: ast.AST) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._nested(node)
                return
            case ast.JoinedStr():
                for part in node.values:
                    if isinstance(part, ast.FormattedValue):
                        self._visit(part.value)
                return
            case ast.AnnAssign():
                if node.value is not None:
                    self._visit(node.value)
                return
            case ast.Compare():
                self._compare(node)
            case ast.BoolOp():
                other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
                self._add(node, "boolean", f"and <-> or: {_words(node)}", _put(node, "op", other))
            case ast.UnaryOp(op=ast.Not()):
                self._add(node, "boolean", f"not not: {_words(node)}", _negate(node, "operand"))
            case ast.BinOp() | ast.AugAssign() if type(node.op) in _ARITHMETIC:
                changed = _ARITHMETIC[type(node.op)]
                change = f"{type(node.op).__name__} -> {changed.__name__}: {_words(node)}"
                self._add(node, "arithmetic", change, _put(node, "op", changed()))
            case ast.Constant() if (other_value := _other(node.value)) is not None:
                self._add(node, "constant", f"{node.value!r} -> {other_value!r}", _put(node, "value", other_value))
        self._conditions(node)
        self._inside(node)

    def _compare(self, node: ast.Compare) -> None:
        for at, operation in enumerate(node.ops):
            for changed in _COMPARE[type(operation)]:

                def apply(at: int = at, changed: type[ast.cmpop] = changed) -> None:
                    node.ops[at] = changed()

                change = f"{type(operation).__name__} -> {changed.__name__}: {_words(node)}"
                self._add(node, "compare", change, apply)

    def _conditions(self, node: ast.AST) -> None:
        match node:
            case ast.If() | ast.While() | ast.IfExp() | ast.Assert():
                self._condition(node, "test", node.test)
            case ast.match_case(guard=ast.expr() as guard):
                self._condition(node, "guard", guard)
            case ast.comprehension():
                for at, condition in enumerate(node.ifs):

                    def apply(at: int = at) -> None:
                        node.ifs[at] = ast.UnaryOp(ast.Not(), node.ifs[at])

                    if not self._one_compare(condition):
                        self._add(condition, "condition negated", f"not: {_words(condition)}", apply)

    def _condition(self, holder: ast.AST, field: str, test: ast.expr) -> None:
        if not self._one_compare(test):
            self._add(test, "condition negated", f"not: {_words(test)}", _negate(holder, field))

    def _one_compare(self, test: ast.expr) -> bool:
        """Its negation is the change of its operator."""
        return isinstance(test, ast.Compare) and len(test.ops) == 1

    def _inside(self, node: ast.AST) -> None:
        for _, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                self._block(value)
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    self._visit(part)


def _found(tree: ast.Module) -> list[_Spot]:
    finder = _Finder()
    finder.module(tree.body)
    return finder.spots


def mutants(source: str, path: str, module: str) -> Iterator[Mutant]:
    """Yield each change that may be made to a module."""
    lines = source.splitlines()
    seen: Counter[tuple[str, str, str]] = Counter()
    twins: dict[tuple[str, str], dict[int, None]] = defaultdict(dict)
    for number, spot in enumerate(_found(ast.parse(source))):
        text = lines[spot.line - 1].strip()
        alike = (spot.function, text, spot.change)
        seen[alike] += 1
        same = twins[spot.function, text]
        same.setdefault(spot.line)
        yield Mutant(
            path,
            module,
            spot.function,
            spot.line,
            text,
            spot.operator,
            spot.change,
            number,
            _short(*alike, seen[alike]),
            _short(module, spot.function, text, list(same).index(spot.line)),
        )


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """Return the module with the change in it."""
    tree = ast.parse(source)
    _found(tree)[mutant.spot].apply()
    return ast.fix_missing_locations(tree)


def of_packages(package: Path, prefixes: Collection[str]) -> list[Mutant]:
    """Return the changes of each module whose dotted name inside the package begins with one of the prefixes."""
    found: list[Mutant] = []
    for path in sorted(package.rglob("*.py")):
        name = ".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__")
        if any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes):
            found += mutants(path.read_text(encoding="utf-8"), path.relative_to(package.parent).as_posix(), name)
    return found


def draw(candidates: Iterable[Mutant], seed: int, count: int) -> list[Mutant]:
    """Return so many of them, each line as likely as another, and a second change of a line only when all had one.

    The order depends on nothing but the seed and each line's own text: a line that is added or covered anew leaves the
    others where they were.
    """
    of_line: dict[tuple[str, int], list[Mutant]] = defaultdict(list)
    for mutant in candidates:
        of_line[mutant.path, mutant.line].append(mutant)
    ranked = [
        (turn, _short(seed, mutant.of_line), mutant)
        for line in of_line.values()
        for turn, mutant in enumerate(sorted(line, key=lambda one: _short(seed, one.key)))
    ]
    ranked.sort(key=lambda one: (one[0], one[1], one[2].key))
    return [mutant for _, _, mutant in ranked[:count]]
