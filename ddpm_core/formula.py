"""Formulas: arithmetic on data and levels.  Their tensors are checked, so that torch broadcasts nothing."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from torch import Tensor

from .checks import floating

P = ParamSpec("P")
R = TypeVar("R")


def formula(arithmetic: Callable[P, R]) -> Callable[P, R]:
    """The same function, which refuses tensors that are not floating point or not of one shape.

    A batch of 1 stands for any.  What is no tensor with axes passes: levels, numbers, and sympy's symbols.
    TypeError or ValueError for what torch would convert or broadcast without a word.
    """
    name = arithmetic.__name__

    @wraps(arithmetic)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        shape = None
        for x in (*args, *kwargs.values()) if kwargs else args:
            if not isinstance(x, Tensor) or not (own := x.shape):
                continue
            if not x.is_floating_point():
                floating(x, f"what goes into {name}")
            if shape is None or own == shape:
                shape = own
            elif own[1:] != shape[1:] or (own[0] != shape[0] and 1 not in (own[0], shape[0])):
                raise ValueError(
                    f"{name} got data of shapes {tuple(shape)} and {tuple(own)}; "
                    "they must agree (a batch of 1 stands for any)"
                )
        return arithmetic(*args, **kwargs)

    return checked
