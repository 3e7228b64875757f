"""Checks of arguments.  An error says what was received, what was expected, and what to do.

Public functions validate; inner loops don't.
"""

import hashlib
import json
import math
import operator
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import wraps
from itertools import pairwise
from typing import Any, Generic, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

UNSCALED = 8.0  # a pixel as large as this was never scaled to [-1, 1]; added noise doesn't reach it
SIGNAL_LEFT = 0.01  # of x_T's size: above it, a walk that starts from noise alone is visibly off
P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")


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
    if t.numel() and not t.is_meta:
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
    if x.numel() and not x.is_meta and not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name} holds {int((~torch.isfinite(x)).sum())} entries that are NaN or infinite")
    return x


def data(x: object, name: str, clip: float | None = None) -> Tensor:
    """As `batch`, and ValueError for pictures (B, C, H, W) that aren't scaled to [-1, 1].

    clip: what a denoiser's estimates are clamped to; above 1 its data are no pictures, but latents, say.
    """
    x = batch(x, name)
    pictures = x.ndim == 4 and x.numel() and not x.is_meta and (clip or 0) <= 1
    if pictures and (peak := float(x.abs().max())) >= UNSCALED:
        raise ValueError(f"{name} looks unscaled: pixels reach {peak:g}, expected [-1, 1]; scale them first")
    return x


def pictures(x: object, name: str) -> Tensor:
    """Pictures (N, C, H, W), at least one, with C = 1 or 3 and without NaN, or TypeError / ValueError."""
    x = floating(x, name)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or not x.numel():
        raise ValueError(f"{name} must hold pictures (N, C, H, W) with C = 1 or 3, got {tuple(x.shape)}")
    if count := int(x.isnan().sum()):
        raise ValueError(f"{name} holds {count} entries that are NaN")
    return x


def labels(y: object, batch: int | None, classes: int | None = None, axes: int = 1) -> Tensor:
    """Labels, whole numbers below `classes`, -1 for "no label", or TypeError / ValueError.

    (batch,), of any length if batch is None; with 2 axes they are words, (batch, L), and -1 is no word.
    """
    if not isinstance(y, Tensor) or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        raise TypeError(f"labels must be an integer tensor, got {brief(y)}")
    if y.ndim != axes or batch not in (None, len(y)):
        shape = f"({'B' if batch is None else batch},{' L' * (axes - 1)})"
        what = "a row of words" if axes > 1 else "one"
        raise ValueError(f"labels must have shape {shape}, {what} for each example, got {tuple(y.shape)}")
    y = y.long()  # uint8 has no -1
    if y.numel() and not y.is_meta:
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


def ends_in_noise(schedule: Any, stacklevel: int = 3) -> None:
    """Warn if x_T still holds much of x_0: samples start from noise alone, and would come out shifted."""
    signal, noise = schedule.at(schedule.T)
    if (left := signal**2 / (signal**2 + noise**2)) > SIGNAL_LEFT:
        warnings.warn(
            f"the last level of {schedule} is {left:.0%} signal, signal_T^2 / (signal_T^2 + noise_T^2), but "
            "samples start from noise alone: they will be off.  Take a schedule that ends in noise, such as "
            "cosine(T), linear(T, 0.1 / T, 20 / T), or zero_terminal(schedule) with V() or X0()",
            stacklevel=stacklevel,
        )


def trainable(denoiser: Any, x0: Tensor, y: Tensor | None, eps: Tensor | None = None) -> None:
    """ValueError for what can't be trained, and warnings of what can and would sample wrongly."""
    if not len(data(x0, "x0", denoiser.clip)):
        raise ValueError("x0 is empty: there is nothing to train on")
    if not any(True for _ in denoiser.parameters()):
        raise ValueError("the network has no weights to train")
    ends_in_noise(denoiser.schedule, stacklevel=4)
    low, high = (float(v) for v in x0.aminmax())
    if denoiser.clip is not None and max(-low, high) > 1.001 * denoiser.clip:
        warnings.warn(
            f"x0 reaches {low:.3g} .. {high:.3g}, but this denoiser's estimates are clamped to "
            f"[-{denoiser.clip:g}, {denoiser.clip:g}]: samples won't reach what lies outside.  Scale x0 to "
            f"[-1, 1], or make the Denoiser with clip={max(-low, high):.3g}",
            stacklevel=3,
        )
    elif denoiser.clip == 1 and 0 <= low < high <= 1:
        warnings.warn(
            f"x0 lies in {low:.3g} .. {high:.3g}; pictures are expected in [-1, 1]: x0 * 2 - 1", stacklevel=3
        )
    config = getattr(denoiser.net, "config", {})
    kind, known = ("words", len(config["words"])) if "words" in config else ("classes", config.get("classes"))
    if known and y is None:
        warnings.warn(
            f"this network has {known} {kind} and is trained without labels: given(y) and guided(y, ...) "
            f"would be noise.  Pass y, or make the network without {kind}",
            stacklevel=3,
        )


def plan(plan: Any) -> Any:
    """A training.Plan whose numbers make sense, or TypeError / ValueError."""
    whole(plan.images, "images", 1)
    whole(plan.batch, "batch", 1)
    whole(plan.seed, "seed", 0, 1 << 42)
    real(plan.lr, "lr", 0, math.inf)
    share(plan.ema, "ema", below=True)
    share(plan.drop, "drop")
    if not hasattr(plan.extras, "clip_grad"):
        raise TypeError(f"extras must be like Extras(clip_grad=1.0), got {brief(plan.extras)}")
    for name in ("min_snr", "clip_grad"):
        if (most := getattr(plan.extras, name)) is not None:
            real(most, name, 0, math.inf)
    return plan


def settings(denoiser: Any, plan: Any, data: Any, source: Any) -> dict[str, Any]:
    """What a run must have in common with the one that it goes on from, for JSON: all but its length.

    data: a data.Batch, of all the data if `source` is a tensor, else the first of many.
    """
    shape, table = list(data.x0.shape[1:]), denoiser.schedule
    told = plan._asdict() | plan.extras._asdict()
    told |= {"shape": shape, "labels": data.y is not None, "prediction": type(denoiser.prediction).__name__}
    told["schedule"] = f"{table.T} steps ({digest(table.signal, table.noise)})"
    told["x0"] = getattr(source, "digest", "an iterable")
    if isinstance(source, Tensor):
        some = [part[:: max(1, len(part) // 64)] for part in data if part is not None]
        told["x0"] = f"{len(data.x0)} examples ({digest(*some)})"
    return {name: value for name, value in told.items() if name not in ("images", "extras")}


def digest(*tensors: Tensor) -> str:
    """A short checksum of tensors."""
    raw = b"".join(t.detach().cpu().double().numpy().tobytes() for t in tensors)
    return hashlib.sha256(raw).hexdigest()[:8]


def same_settings(saved: dict[str, Tensor], now: dict[str, Any], images: int) -> None:
    """ValueError unless a saved run was made with the settings `now`, and has seen no more than `images`."""
    made = json.loads(bytes(saved["settings"].tolist()))
    other = [name for name in sorted(made | now) if made.get(name) != now.get(name)]
    if other:
        told = "; ".join(f"{name} {made.get(name)}, not {now.get(name)}" for name in other)
        raise ValueError(f"the save was made with {told}: give the same, or start anew")
    if (seen := int(saved["counts"][0])) > images:
        raise ValueError(f"the save has seen {seen} images already, more than images={images}")


def finite(loss: Tensor, run: Any) -> None:
    """FloatingPointError, with the step and what to try, if a run's loss is no number."""
    if math.isfinite(loss.item()):
        return
    sound = all(bool(w.isfinite().all()) for w in run.average.parameters())
    kept = "The denoiser still holds the average from before this step"
    raise FloatingPointError(
        f"the loss is {loss.item()} at step {run.steps + 1}; try a lower lr, and look at the data: they "
        f"should lie in [-1, 1].  {kept if sound else 'The average is lost as well: go back to a save'}"
    )


class Unstarted(Generic[S]):
    """An iterator that warns if it is thrown away before its first item was asked for."""

    def __init__(self, items: Iterator[S], what: str):
        self.items, self.what, self.started = items, what, False

    def __iter__(self) -> Iterator[S]:
        """Itself."""
        return self

    def __next__(self) -> S:
        """The next item."""
        self.started = True
        return next(self.items)

    def __del__(self) -> None:
        if not (getattr(self, "started", True) or sys.is_finalizing()):
            warnings.warn(
                f"{self.what} was never iterated over, so nothing happened: for step in {self.what}: ...",
                stacklevel=2,
            )


def for_all(y: Tensor, xt: Tensor, what: str = "labels") -> Tensor:
    """A row of y (B, ...) for each picture of xt, or ValueError; `what` they are."""
    if len(y) not in (1, len(xt)):
        raise ValueError(f"{len(y)} {what} for {len(xt)} pictures: give one for each, or one for all")
    return y.expand(len(xt), *y.shape[1:])


def as_wide(*several: Tensor) -> list[Tensor]:
    """Words (B, L) of different texts with one L, filled up with -1; labels (B,) as they are."""
    most = max(y.shape[-1] for y in several)
    return [nn.functional.pad(y, (0, most - y.shape[-1]), value=-1) if y.ndim > 1 else y for y in several]


def positive(value: Tensor | float) -> bool:
    """Whether a number, or all of a tensor, is above 0; a device that holds no numbers isn't asked."""
    return value.is_meta or bool((value > 0).all()) if isinstance(value, Tensor) else bool(value > 0)


def strength(value: object) -> None:
    """TypeError or ValueError unless it is a finite number, or a tensor (B,) of such."""
    if not isinstance(value, Tensor):
        real(value, "strength", -math.inf, math.inf)
    elif floating(value, "strength").ndim != 1 or not (value.is_meta or bool(value.isfinite().all())):
        raise ValueError(f"strength must be finite numbers, one for each picture: (B,), got {brief(value)}")


def spreads(mask: Tensor, known: Tensor) -> None:
    """ValueError unless a row of the mask broadcasts to a row of known, axis by axis."""
    own, rows = mask.shape[1:], known.shape[1:]
    if mask.ndim != known.ndim or any(m not in (1, n) for m, n in zip(own, rows, strict=True)):
        raise ValueError(f"mask must have the shape of known, {tuple(known.shape)}, got {tuple(mask.shape)}")


def spread(value: float | Tensor, like: Tensor) -> Any:
    """A number for each row, (B,), as a tensor of the shape of `like` (B, ...); one number as it is."""
    if not isinstance(value, Tensor):
        return value
    each = for_all(value.to(like), like, "strengths")
    return each.reshape(-1, *(1,) * (like.ndim - 1)).expand_as(like)


def dice(generator: object, x: Tensor) -> None:
    """TypeError or ValueError unless it is None, a generator, or a sequence of one for each row of x."""
    many = list(generator) if isinstance(generator, Sequence) else [generator] if generator else []
    if wrong := [die for die in many if not isinstance(die, torch.Generator)]:
        raise TypeError(
            f"generator must be a torch.Generator, or one for each picture, got {brief(wrong[0])}"
        )
    if isinstance(generator, Sequence) and isinstance(x, Tensor) and len(many) != len(x):
        raise ValueError(f"{len(many)} generators for {len(x)} pictures: give one for each, or one for all")


def trained_for(net: nn.Module, T: int) -> None:
    """A warning if the network was trained for another number of steps than T, as far as it knows."""
    if (own := getattr(net, "trained_T", T)) != T:
        warnings.warn(
            f"this network was trained for T = {own}, this schedule has {T}: its times mean other levels.  "
            f"Take the schedule of its training, and fewer of its times: schedule.times({min(T, own)})",
            stacklevel=3,
        )


class Resting:
    """Runs work without gradients, and with a network's modules, those of now, in eval mode.

    Afterwards both are as they were, also when Ctrl-C interrupts it: `torch.no_grad` can be interrupted just
    before it switches gradients on again; here that is done twice, and one Ctrl-C can cut short only one.
    """

    def __init__(self, net: object):
        self.modules = list(net.modules()) if isinstance(net, nn.Module) else []

    def __call__(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What the work returns."""
        before, awake = torch.is_grad_enabled(), [m for m in self.modules if m.training]
        if not (before or awake):
            return work(*args, **kwargs)
        try:
            try:
                _put(False, awake, False)
                return work(*args, **kwargs)
            finally:
                _put(before, awake, True)
        finally:
            _put(before, awake, True)


def at_rest(work: Callable[P, R]) -> Callable[P, R]:
    """Decorator: the function runs by `Resting` of its first argument, a network or what has none."""

    @wraps(work)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        return Resting(args[0])(work, *args, **kwargs)

    return quiet


def _put(gradients: bool, modules: list[nn.Module], training: bool) -> None:
    if torch.is_grad_enabled() != gradients:
        torch.set_grad_enabled(gradients)
    for module in modules:
        own = vars(module)
        if "training" in own:
            own["training"] = training  # as its __setattr__ would, which takes thirty times as long
        else:
            module.training = training  # a scripted module keeps it elsewhere


def output(net: nn.Module, xt: Tensor, t: Tensor, *y: Tensor) -> Tensor:
    """What the network says, or TypeError / ValueError for what has another dtype or another shape.

    xt: (B, ...), t: (B,) or (1,), y: (B,) -> (B, ...).
    """
    try:
        out: Tensor = net(xt, t if t.shape[0] == xt.shape[0] else t.expand(len(xt)), *y)
    except RuntimeError as error:
        if (own := next(net.parameters(), xt).dtype) == xt.dtype:
            raise
        raise TypeError(f"the network's weights are {own}, what comes in is {xt.dtype}: {error}") from None
    if not isinstance(out, Tensor):
        raise TypeError(f"the network's output must be a tensor, got {brief(out)}")
    same_shape(out, xt, "the network's output", "its input")
    return out


_tried: WeakKeyDictionary[nn.Module, set[Any]] = WeakKeyDictionary()  # a network -> the data it was tried on


@at_rest
def tried(net: nn.Module, T: int, x: Tensor, y: Tensor | None) -> None:
    """TypeError or ValueError unless the network takes rows like those of x, each as if it were alone.

    x: (B, ...), y: labels (B,) or None.  It is asked for two numbers of rows that equal no other axis, so
    that none is taken for the other and torch broadcasts nothing; its answer to the first rows must not
    depend on how many follow.  Once for each network and kind of data; random numbers are as before.  What
    torch.compile returned is asked uncompiled; a network compiled in place is compiled for these, too.
    """
    kind = (x.shape[1:], x.dtype, x.device, y is None)
    if not len(x) or kind in _tried.setdefault(net, set()):
        return
    few, more = [n for n in range(2, x.ndim + 3) if n not in x.shape[1:]][:2]
    compiled = any(type(module).__name__ == "OptimizedModule" for module in net.modules())
    eager = torch.compiler.set_stance("force_eager") if compiled else nullcontext()  # slow to load
    with torch.random.fork_rng([x.device] if x.is_cuda else []), eager:
        try:
            outs = [_rows(net, T, x, y, n) for n in (more, few)]
        except RuntimeError as error:
            raise ValueError(_refused(net, x, error)) from None
        steady = lambda: _alike(_rows(net, T, x, y, few), outs[1])  # noqa: E731  (it may draw random numbers)
        if not (x.is_meta or _alike(outs[0][:few], outs[1])) and steady():
            raise ValueError(
                f"the network's output for the first {few} of {more} rows isn't that for these {few} alone, "
                "in eval mode: it mixes the rows of a batch, or takes another axis for it"
            )
    _tried[net].add(kind)


def _rows(net: nn.Module, T: int, x: Tensor, y: Tensor | None, n: int) -> Tensor:
    i = torch.arange(n, device=x.device)
    given = () if y is None else (y.to(x.device)[i % len(y)],)
    return output(net, x.detach()[i % len(x)], 1 + i * (T - 1) // (x.ndim + 2), *given)


def _alike(a: Tensor, b: Tensor) -> bool:
    """Whether they differ by less than rounding in bfloat16 would explain; NaN is alike."""
    return not bool(((a - b).abs() > 0.02 * b.abs().max()).any())


def _refused(net: nn.Module, x: Tensor, error: Exception) -> str:
    made = {k: v for k, v in getattr(net, "config", {}).items() if k in ("channels", "d")}
    shape = {"channels": "(B, {}, H, W)", "d": "(B, {})"}
    wish = "".join(f"it was made for {shape[k].format(v)}; " for k, v in made.items())
    rows = f"{len(x)} rows of shape {tuple(x.shape[1:])}"
    return f"the network fails on data like these, {rows}, or takes no other number of them; {wish}{error}"
