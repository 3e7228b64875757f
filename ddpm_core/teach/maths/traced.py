"""Symbols for functions that do more than arithmetic, such as taking logarithms or comparing numbers."""

import operator
import random
from collections.abc import Callable
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from ...gaussian import Gaussian

LOG_2PI = sp.log(2 * sp.pi)
MEANING: dict[str, Callable[..., Any]] = {  # a torch function's name -> the same for expressions
    "add": operator.add,
    "sub": operator.sub,
    "__rsub__": lambda a, b: b - a,
    "mul": operator.mul,
    "div": operator.truediv,
    "__rdiv__": lambda a, b: b / a,
    "pow": operator.pow,
    "neg": operator.neg,
    "log": lambda a: sp.expand_log(sp.log(a)),
    "detach": lambda a: a,
    "zeros_like": lambda a: sp.Integer(0),
}


class Traced(Tensor):
    """A tensor of one number that carries the sympy expression it is a value of; `traced` makes one.

    Torch's functions compute with its value; those in MEANING also compute the result's expression.
    """

    expression: sp.Expr

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch in place of each of its functions."""
        result = super().__torch_function__(func, types, args, kwargs)
        if isinstance(result, Traced) and func.__name__ in MEANING:
            result.expression = MEANING[func.__name__](*map(expression, args))
        return result


def traced(formula: sp.Expr | int, *shape: int) -> Traced:
    """An expression as a tensor, 0-d or of a shape of ones, such as 1, 1 for a batch.

    Its value is the expression's with a fixed number between 0.1 and 0.9 for each symbol.
    """
    formula = sp.sympify(formula)
    at = {x: random.Random(x.name).uniform(0.1, 0.9) for x in formula.free_symbols}
    number = torch.full(shape, float(formula.subs(at)), dtype=torch.float64).as_subclass(Traced)
    number.expression = formula
    return number


def normal(mean: sp.Expr | int, var: sp.Expr | int) -> Gaussian:
    """The library's Gaussian with a traced mean and variance."""
    return Gaussian(traced(mean), traced(var))


def expression(x: Any) -> sp.Expr:
    """The expression of a traced value or of a number; a float becomes an exact number."""
    if isinstance(x, Traced):
        return x.expression
    return sp.nsimplify(x, [LOG_2PI]) if isinstance(x, float) else sp.sympify(x)
