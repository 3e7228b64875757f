"""Checks of arguments.  An error says what was received, what was expected, and what to do.

Public functions validate; inner loops don't.
"""

import operator
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

UNSCALED = 8.0  # a pixel as large as this was never scaled to [-1, 1]; added noise doesn't reach it


def whole(value: object, name: str, lowest: int, highest: int | None = None) -> int:
    """`value` as an int in lowest..highest, or TypeError / ValueError.  A bool is refused."""
    try:
        if isinstance(value, (bool, torch.Tensor)):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be a whole number, got {brief(value)}") from None
    if number < lowest or (highest is not None and number > highest):
        bounds = f"at least {lowest}" if highest is None else f"in {lowest}..{highest}"
        raise ValueError(f"{name} must be {bounds}, got {number}")
    return number


def real(value: object, name: str, lowest: float, highest: float) -> float:
    """`value` as a float strictly between the two bounds, or TypeError / ValueError."""
    if not lowest < number(value, name) < highest:  # NaN fails here too
        raise ValueError(f"{name} must lie strictly between {lowest:g} and {highest:g}, got {value}")
    return number(value, name)


def share(value: object, name: str, below: bool = False) -> float:
    """`value` as a float in [0, 1], or in [0, 1) if it must stay `below`, or TypeError / ValueError."""
    if not 0 <= number(value, name) <= 1 or (below and value == 1):
        raise ValueError(f"{name} must lie in [0, 1{')' if below else ']'}, got {value}")
    return number(value, name)


def number(value: object, name: str) -> float:
    """`value` as a float, or TypeError.  A bool is refused."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {brief(value)}")
    return float(value)


def times(t: object, T: int, lowest: int, batch: int) -> Tensor:
    """Times as an int64 tensor in lowest..T, or TypeError / ValueError.

    t: an integer tensor (batch,) or (1,); for a batch of one, (B,).
    """
    if not isinstance(t, Tensor):
        raise TypeError(f"times must be an integer tensor of shape (B,) or (1,), got {brief(t)}")
    if t.dtype == torch.bool or t.is_floating_point() or t.is_complex():
        raise TypeError(f"times must be whole numbers, got a tensor of {t.dtype}; use t.long()")
    if t.ndim != 1 or not (len(t) == batch or len(t) == 1 or batch == 1):
        raise ValueError(f"times must have shape ({batch},) or (1,), got {tuple(t.shape)}")
    if t.numel():
        low, high = (int(v) for v in torch.aminmax(t))
        if low < lowest or high > T:
            why = " (t = 0 is the clean image: nothing to predict there)" if lowest == 1 and low == 0 else ""
            raise ValueError(f"times must lie in {lowest}..{T}, got {low}..{high}{why}")
    return t.long()  # torch can't index with int16, and reads uint8 as a mask


def descending(path: Sequence[int] | Tensor, T: int) -> list[int]:
    """Times T >= t_0 > t_1 > ... >= 0 as ints, at least two, or TypeError / ValueError."""
    path = path.tolist() if isinstance(path, Tensor) else path
    walk = [whole(t, "a time", 0, T) for t in path]
    if len(walk) < 2:
        raise ValueError(f"times need a start and an end, got {walk}")
    for t, s in pairwise(walk):
        if s >= t:
            raise ValueError(f"times must decrease strictly from T to 0, got {t} before {s}")
    return walk


def floating(x: object, name: str) -> Tensor:
    """A tensor of floating-point numbers, or TypeError."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a tensor of shape (B, ...), got {brief(x)}")
    if not x.is_floating_point():
        hint = "; map bytes to [-1, 1] first: x.float() / 127.5 - 1" if x.dtype == torch.uint8 else ""
        raise TypeError(f"{name} must be floating point, got {x.dtype}{hint}")
    return x


def batch(x: object, name: str) -> Tensor:
    """Floating-point data (B, ...) without NaN or infinities, or TypeError / ValueError."""
    x = floating(x, name)
    if x.ndim < 2:
        raise ValueError(f"{name} must have shape (B, ...) with a batch axis first, got {tuple(x.shape)}")
    if x.numel() and not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name} holds {int((~torch.isfinite(x)).sum())} entries that are NaN or infinite")
    return x


def data(x: object, name: str) -> Tensor:
    """As `batch`, and ValueError for pictures (B, C, H, W) that aren't scaled to [-1, 1]."""
    x = batch(x, name)
    if x.ndim == 4 and x.numel() and (peak := float(x.abs().max())) >= UNSCALED:
        raise ValueError(f"{name} looks unscaled: pixels reach {peak:g}, expected [-1, 1]; scale them first")
    return x


def labels(y: object, batch: int, classes: int | None = None) -> Tensor:
    """Class labels (batch,), whole numbers below `classes`, -1 for "no label", or TypeError / ValueError."""
    if not isinstance(y, Tensor) or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise TypeError(f"labels must be an integer tensor, got {brief(y)}")
    if y.shape != (batch,):
        raise ValueError(f"labels must have shape ({batch},), one for each example, got {tuple(y.shape)}")
    y = y.long()  # uint8 has no -1
    if len(y):
        low, high = (int(v) for v in torch.aminmax(y))
        if low < -1:
            raise ValueError(f"labels must be 0 or more, or -1 for none, got {low}")
        if classes is not None and high >= classes:
            raise ValueError(f"labels reach {high}, but the network was made for 0..{classes - 1}")
    return y


def same_shape(x: Tensor, like: Tensor, name: str, other: str) -> None:
    """ValueError unless x has the shape of `like`: torch would silently broadcast them."""
    if x.shape != like.shape:
        raise ValueError(
            f"{name} must have the shape of {other}, {tuple(like.shape)}, got {tuple(x.shape)}; "
            "torch would have broadcast them"
        )


def brief(value: object) -> str:
    """A short description of any value, for an error message."""
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype} and shape {tuple(value.shape)}"
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) <= 60 else text[:57] + '...'}"
