"""Symbols for functions that are more than arithmetic: those that take logarithms, or compare two numbers."""

import operator
import random
from collections.abc import Callable
from typing import Any

import sympy as sp
import torch
from torch import Tensor

from ...gaussian import Gaussian

LOG_2PI = sp.log(2 * sp.pi)
MEANING: dict[str, Callable[..., Any]] = {  # what torch's functions do to expressions
    "add": operator.add,
    "sub": operator.sub,
    "__rsub__": lambda a, b: b - a,
    "mul": operator.mul,
    "div": operator.truediv,
    "__rdiv__": lambda a, b: b / a,
    "pow": operator.pow,
    "neg": operator.neg,
    "log": lambda a: sp.expand_log(sp.log(a)),
    "zeros_like": lambda a: sp.Integer(0),
}


class Traced(Tensor):
    """A number that knows the expression it is the value of: a tensor without axes, as `traced` makes one.

    Torch's functions compute with the number as with any other; those in MEANING keep the expression too.
    """

    expression: sp.Expr

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What torch calls in the place of each of its functions."""
        result = super().__torch_function__(func, types, args, kwargs)
        if isinstance(result, Traced) and func.__name__ in MEANING:
            result.expression = MEANING[func.__name__](*map(expression, args))
        return result


def traced(formula: sp.Expr | int) -> Traced:
    """An expression as a tensor: its value where each symbol is some number between 0.1 and 0.9."""
    formula = sp.sympify(formula)
    at = {x: random.Random(x.name).uniform(0.1, 0.9) for x in formula.free_symbols}
    number = torch.tensor(float(formula.subs(at)), dtype=torch.float64).as_subclass(Traced)
    number.expression = formula
    return number


def normal(mean: sp.Expr | int, var: sp.Expr | int) -> Gaussian:
    """The library's Gaussian, traced."""
    return Gaussian(traced(mean), traced(var))


def expression(x: Any) -> sp.Expr:
    """The expression of what was traced, or of a number; a float becomes exact."""
    if isinstance(x, Traced):
        return x.expression
    return sp.nsimplify(x, [LOG_2PI]) if isinstance(x, float) else sp.sympify(x)
