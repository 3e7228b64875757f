"""Mutants of a trusted function: the library's source with one expression changed, and what was changed.

For functions through which no symbol goes, because they do more than arithmetic.  A student's function is
never changed or compiled.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

ATTRIBUTES = {"signal": "noise", "noise": "signal", "mean": "var", "var": "mean"}
METHODS = {"sum": "mean", "mean": "sum"}
LOSABLE = ("exp", "log", "sqrt", "abs", "clamp")  # methods that may be forgotten


class Mutant(NamedTuple):
    """A changed function, and the change in a clause after "if"."""

    words: str
    function: Callable[..., Any]


def mutants(function: Any) -> Iterator[Mutant]:
    """Every mutant of a function or a method; none if there is no source."""
    owner, plain = (
        getattr(function, "__self__", None),
        inspect.unwrap(getattr(function, "__func__", function)),
    )
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(plain)))
    except (OSError, TypeError, SyntaxError):
        return
    (defined,) = tree.body
    if not isinstance(defined, ast.FunctionDef):
        return
    defined.decorator_list, defined.returns = [], None
    for argument in defined.args.args:
        argument.annotation = None
    arguments = [a.arg for a in defined.args.args if a.arg != "self"]
    places = [(n, field, k) for n in ast.walk(ast.Module(defined.body, [])) for field, k in _below(n)]
    for node, field, k in places:
        old = _get(node, field, k)
        if not isinstance(getattr(old, "ctx", ast.Load()), ast.Load):
            continue
        for new, words in changes(old, arguments):
            _set(node, field, k, new)
            changed = _compiled(defined, plain, owner)
            _set(node, field, k, old)
            yield Mutant(words or f"{_code(new)} stands where {_code(old)} belongs", changed)


def changes(node: ast.expr, arguments: list[str]) -> Iterator[tuple[ast.expr, str]]:
    """What could be written for an expression by mistake, with words for it where there are better ones."""
    match node:
        case ast.BinOp():
            yield from operations(node)
        case ast.UnaryOp(ast.USub(), operand):
            yield operand, f"the sign of {_code(operand)} is turned round"
        case ast.Attribute(value, name) if name in ATTRIBUTES:
            yield ast.Attribute(value, ATTRIBUTES[name], ast.Load()), ""
        case ast.Call(ast.Attribute(value, name), arguments_) if name in (*METHODS, *LOSABLE, "kl"):
            if name in METHODS:
                method = ast.Attribute(value, METHODS[name], ast.Load())
                yield ast.Call(method, arguments_, node.keywords), ""
            if name in LOSABLE:
                yield value, f"`{name}` of {_code(value)} is left out"
            if name == "kl":
                turned = ast.Call(ast.Attribute(arguments_[0], name, ast.Load()), [value], [])
                yield turned, "the divergence is taken the other way round"
        case ast.Call(function, [first, second, *rest]):
            swapped = ast.Call(function, [second, first, *rest], node.keywords)
            yield swapped, f"{_code(first)} and {_code(second)} have changed places"
        case ast.Name(name) if name in arguments:
            yield from ((ast.Name(other, ast.Load()), "") for other in arguments if other != name)
        case ast.Constant(int(number)) if not isinstance(number, bool):
            yield from ((ast.Constant(number + step), "") for step in (1, -1))


def operations(node: ast.BinOp) -> Iterator[tuple[ast.expr, str]]:
    """An operation turned round, or one of its sides lost."""
    left, right = node.left, node.right
    match node.op:
        case ast.Add():
            yield ast.BinOp(left, ast.Sub(), right), f"{_code(right)} is subtracted instead of added"
        case ast.Sub():
            yield ast.BinOp(left, ast.Add(), right), f"{_code(right)} is added instead of subtracted"
            yield ast.BinOp(right, ast.Sub(), left), "the difference is taken the other way round"
        case ast.Mult():
            yield ast.BinOp(left, ast.Div(), right), f"it is divided by {_code(right)} instead of multiplied"
        case ast.Div():
            yield ast.BinOp(left, ast.Mult(), right), f"it is multiplied by {_code(right)} instead of divided"
            yield ast.BinOp(right, ast.Div(), left), "the fraction stands upside down"
        case ast.Pow():
            yield left, f"{_code(left)} isn't raised to the power of {_code(right)}"
            yield ast.BinOp(left, ast.Mult(), right), f"{_code(left)} is multiplied by {_code(right)}"
            return
    yield left, f"{_code(right)} is left out"
    yield right, f"{_code(left)} is left out"


def _code(node: ast.expr) -> str:
    return f"`{ast.unparse(node)}`"


def _below(node: ast.AST) -> Iterator[tuple[str, int | None]]:
    """Where the expressions right below a node are: a field, and a place in it if it is a list."""
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.expr):
            yield field, None
        elif isinstance(value, list):
            yield from ((field, k) for k, each in enumerate(value) if isinstance(each, ast.expr))


def _get(node: ast.AST, field: str, k: int | None) -> Any:
    value = getattr(node, field)
    return value if k is None else value[k]


def _set(node: ast.AST, field: str, k: int | None, new: ast.expr) -> None:
    if k is None:
        setattr(node, field, new)
    else:
        getattr(node, field)[k] = new


def _compiled(defined: ast.FunctionDef, plain: Any, owner: Any) -> Callable[..., Any]:
    """The changed definition as a function, with the names that the original sees."""
    module = ast.fix_missing_locations(ast.Module([copy.deepcopy(defined)], []))
    space = dict(inspect.getclosurevars(plain).nonlocals) | {"__builtins__": __builtins__}
    names = {**plain.__globals__, **space}
    exec(compile(module, "<a mutant>", "exec"), names)
    changed = names[defined.name]
    return changed if owner is None else lambda *args: changed(owner, *args)
