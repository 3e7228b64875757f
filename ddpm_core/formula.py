"""Formulas: arithmetic that is linear in its tensors.  It is checked, proved, and prepared for loops."""

from collections.abc import Callable, Iterator
from functools import partial, wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from .checks import floating

P = ParamSpec("P")
R = TypeVar("R")


def formula(arithmetic: Callable[P, R]) -> Callable[P, R]:
    """Tensors that meet in a formula are floating point and of one shape; a batch of 1 stands for any.

    Anything that is no tensor with axes passes: levels, numbers, and sympy's symbols.
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

    checked.formula = checked  # type: ignore[attr-defined]
    return checked


def is_formula(function: Callable[..., object]) -> bool:
    """Whether a function, or a method, is itself one of the formulas, and not something wrapped round one."""
    function = getattr(function, "__func__", function)
    return getattr(function, "formula", None) is function


def unrolled(
    function: Callable[..., Tensor], count: int, n: int, like: Tensor
) -> Iterator[Callable[..., Tensor]]:
    """A formula of 2 or 3 tensors that holds n levels, as n functions of such tensors: what a loop calls.

    A formula is a sum of its tensors, each times a slope, and what it makes of a 1 among zeros is a slope.
    It is asked for those of all levels at once, in float64.  The tensors will be of the dtype of `like`.
    """
    units = torch.eye(count, dtype=torch.float64)[:, :, None].expand(count, count, n)
    first, *others = (function(*unit) for unit in units)  # (n,) each
    # times a tensor without axes takes half as long as times a number, which is made one at every call
    first = first.to(torch.promote_types(like.dtype, torch.float32))
    slopes = zip(first.unbind(), *(slope.tolist() for slope in others), strict=True)
    return (partial(_of_two if count == 2 else _of_three, *of) for of in slopes)


def _of_two(of_x: Tensor, of_y: float, x: Tensor, y: Tensor) -> Tensor:
    return torch.add(x * of_x, y, alpha=of_y)


def _of_three(of_x: Tensor, of_y: float, of_z: float, x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    return _of_two(of_x, of_y, x, y).add_(z, alpha=of_z)
