"""Exercises whose answer is a function, which is run on fixed inputs."""

import contextlib
import copy
import dis
import inspect
import linecache
import math
import textwrap
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from ...schedule import Level
from .clock import Stop
from .exercise import (
    LONGEST_TEXT,
    Exercise,
    Outcome,
    Verdict,
    display,
    five_digits,
    kind_of,
    named,
    not_yet,
)
from .grammar import Unreadable, quoted
from .mutants import mutants
from .slips import DONE, of_the_whole
from .traced import TENSORS, Formulas, formulas_of
from .tree import Name, evaluate, unparse

R = TypeVar("R")
Run = list[list[Tensor]]  # the results of each case, float64 on the CPU
IDLE = {"RESUME", "NOP", "RETURN_CONST", "RETURN_VALUE", "LOAD_CONST", "POP_TOP", "CACHE", "COPY_FREE_VARS"}


# What an error that torch raises means here: a part of its text, and what to do.
ADVICE = (
    ("has no attribute 'ndim'", "A mean must be a tensor, such as `torch.zeros_like(mean)`, not a number."),
    ("expected Tensor as element", "Return the results as a pair, (a, b); a level may hold plain numbers."),
    ("'float' object has no attribute", "A level or a step may be a plain number: write x**0.5 for a root."),
    ("must be Tensor, not float", "A level or a step may be a plain number: write x**0.5 for a root."),
    ("Boolean value of Tensor", "An `if` can't ask a whole batch; arithmetic alone serves all its examples."),
    ("only one element tensors", "`math` works on one number; x**0.5 serves numbers and tensors alike."),
    ("converted to Python scalars", "`math` works on one number; x**0.5 serves numbers and tensors alike."),
)
MUTATING = 0.3  # seconds for which mutants of the library's source are tried
FACTORS = {"log 2": math.log(2), "1/log 2": 1 / math.log(2), "½ log 2": math.log(2) / 2}
FACTORS |= {"√2": 2**0.5, "1/√2": 0.5**0.5, "4": 4.0, "¼": 0.25, "√(2π)": math.sqrt(2 * math.pi)}
REDUCED: tuple[tuple[Callable[[Tensor, int], Tensor], str], ...] = (
    (lambda out, n: out.sum().expand_as(out), "You summed over the batch, too: all examples have one sum."),
    (lambda out, n: out.mean().expand_as(out), "You averaged over the batch: every example has the same."),
    (lambda out, n: out / n, "You took the mean over an example's entries, where their sum is asked for."),
    (lambda out, n: out * n, "You took the sum over an example's entries, where their mean is asked for."),
    (lambda out, n: out.flip(0), "The examples of the batch have changed places."),
    (lambda out, n: out.clamp(-1, 1), "You clamped the result to −1 … 1; no such bound is asked for."),
)


class Case(NamedTuple):
    """Arguments for a function, and their description in words."""

    text: str
    args: tuple[Any, ...]


@dataclass(kw_only=True, eq=False, repr=False)
class Function(Exercise):
    """A function, compared with the library's own on fixed inputs in float64, on the CPU and on a GPU if any.

    Cases are few and small, because their outputs are recorded; the first is small enough to quote in a
    message.  names: of the arguments, if they differ from the library's.  mutants: what a mutation of the
    reference does wrong, in words, with the mutation.  gradients: whether the result must have the library's
    gradients for the weights of a network among the arguments, too.
    """

    kind = "function"
    runs = True
    reference: Callable[..., Any]
    cases: Sequence[Case]
    names: Sequence[str] = ()
    mutants: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    gradients: bool = False

    def __post_init__(self) -> None:
        self.names = self.names or list(inspect.signature(self.reference).parameters)

    @property
    def references(self) -> Sequence[object]:
        """The library's function, and other ways to write it."""
        return [self.reference, *self.also]

    def solution(self) -> None:
        """Show the library's source."""
        source = textwrap.dedent(inspect.getsource(self.reference))
        display(f"{self.worked}\n\n```python\n{source}```", "Solution")

    def record(self, answer: object, marks: object = None) -> object:
        """The source, for a teacher to read, and the outputs on the fixed inputs, or what was wrong."""
        if gpu := torch.cuda.is_available():
            torch.zeros(1, device="cuda").add_(1)  # start the GPU before the timeout begins
        with torch.random.fork_rng(devices=[torch.cuda.current_device()] if gpu else []):
            return super().record(answer, marks)

    def read(self, answer: Any, marks: Any) -> object:
        """Run the function on every case."""
        if not callable(answer):
            if isinstance(answer, Tensor):
                raise Unreadable(
                    "Pass the function itself, without calling it; what it returned, a tensor, came."
                )
            raise Unreadable(f"Pass the function itself; {kind_of(answer)} came.")
        if stub(answer):
            return None
        data: dict[str, object] = {"source": _source(answer)}
        try:
            outputs, draws = _watched(lambda: self._run(answer, "cpu"))
            if outputs is None:
                return None
            data["outputs"] = [[part.tolist() for part in case] for case in outputs]
            if not _agree(outputs, self._expected) and (trees := self._formula(answer)):
                data["formula"] = trees
            if self.gradients and not draws and _agree(outputs, self._expected):
                data["gradients"] = self._slopes(answer)
            if draws:
                data["draws"] = True
            elif torch.cuda.is_available():
                self._same_on_gpu(answer, outputs)
        except Unreadable as fault:
            data["fault"] = str(fault)
        return data

    def weigh(self, data: Any) -> Verdict:
        """Passed if the outputs equal the library's; else the mistake they show, or where they differ."""
        if "fault" in data:
            fault = data["fault"]
            return not_yet(fault[:2000] if isinstance(fault, str) and fault else "The function did not run.")
        if [len(case) for case in data["outputs"]] != [len(case) for case in self._expected]:
            return not_yet("The recorded outputs are not as many as they should be.")
        mine = [[torch.tensor(part, dtype=torch.float64) for part in case] for case in data["outputs"]]
        if [[p.shape for p in case] for case in mine] != [[p.shape for p in case] for case in self._expected]:
            return not_yet("The recorded outputs have the wrong shapes.")
        if _agree(mine, self._expected):
            slopes = data.get("gradients") if self.gradients else None
            return Verdict(Outcome.PASSED, self.right) if slopes is None else self._trains(slopes)
        return not_yet(self._diagnosis(mine, data.get("draws") is True, data.get("formula")))

    def _diagnosis(self, mine: Run, draws: bool = False, formula: object = None) -> str:
        """What is wrong with the outputs of all cases, or of the first ones."""
        first = self._first(mine)
        for message, wrong in self._wrong:
            if _agree(mine, wrong[: len(mine)]):
                return f"{message} {first}"
        if draws:
            return f"It draws random numbers of its own; all that it needs comes as an argument. {first}"
        told = self._rounding(mine) or self._inferred(mine, formula) or self._ratio(mine)
        return f"{told or 'Other numbers came out.'} {first}"

    def _inferred(self, mine: Run, formula: object) -> str:
        """The slips that explain the parts that are wrong; "" if one isn't explained."""
        columns = [*zip(*mine, strict=True)]
        right = [*zip(*self._expected[: len(mine)], strict=True)]
        if len(columns) > 1 and _agree([[*column] for column in columns], [[*c] for c in right[::-1]]):
            return "The results are right, and in the wrong order."
        told: list[str] = []
        for k, (a, b) in enumerate(zip(columns, right, strict=True)):
            if _agree([[*a]], [[*b]]):
                continue
            clause = self._formulas.told(k, [*a], [*b], formula) or self._mutated(k, [*a])
            which = f"Result {k + 1}" if len(columns) > 1 else "Yours"
            told.append(f"{which} comes out if {clause}." if clause else self._reduced([*a], [*b]))
        return " ".join(told) if all(told) else ""

    def _mutated(self, part: int, mine: list[Tensor]) -> str:
        """The change in the source of a trusted function that explains one part of the results."""
        if self._formulas.forms:
            return ""
        end = time.monotonic() + MUTATING
        for words, mutant in (m for function in (self.reference, *self.also) for m in mutants(function)):
            if time.monotonic() > end:
                break
            with contextlib.suppress(Exception):
                if all(_agree([[a]], [[self._one(mutant, k, part)]]) for k, a in enumerate(mine)):
                    return words
        return ""

    def _one(self, function: Any, case: int, part: int) -> Tensor:
        """One part of a trusted function's results in one case."""
        return _parts(function(*_clone(self.cases[case].args, "cpu")))[part]

    def _reduced(self, mine: list[Tensor], right: list[Tensor]) -> str:
        """What was done with the right results: the wrong axis, a sign, a root."""
        entries = [_entries(case.args) for case in self.cases]
        for change, message in REDUCED:
            if _agree([mine], [[change(b, n) for b, n in zip(right, entries, strict=False)]]):
                return message
        for tree, kind, _, _ in of_the_whole(Name("whole")):
            if _agree([mine], [[torch.as_tensor(evaluate(tree, {"whole": b}, TENSORS)) for b in right]]):
                return f"Yours comes out if {DONE[kind].format('the whole')}."
        return ""

    @cached_property
    def _formulas(self) -> Formulas:
        return Formulas([self.reference, *self.also], self.names, [case.args for case in self.cases])

    def _formula(self, answer: Any) -> list[str]:
        """The formulas of the student's function, as text; none if it does more than arithmetic."""
        return [unparse(tree) for tree in formulas_of(answer, self.names, self.cases[0].args)]

    def _slopes(self, function: Any) -> list[float | None]:
        """The gradient that each case sends to the weights of the network among its arguments, as one number.

        It is the slope for a factor before the network's output; None where no gradient arrives.
        """
        return [_slope(function, _clone(case.args, "cpu")) for case in self.cases]

    def _trains(self, slopes: object) -> Verdict:
        """Passed if the gradients are the library's, too."""
        if not isinstance(slopes, list) or None in slopes:
            return not_yet(
                "The numbers are right, but no gradient reaches the network's weights, so this step trains "
                "nothing. Is there a `detach`, an `item` or a `no_grad` on the way?"
            )
        mine, right = (torch.tensor(x, dtype=torch.float64) for x in (slopes, self._slopes(self.reference)))
        if not torch.allclose(mine, right, 1e-6, 1e-9):
            where = int((mine - right).abs().argmax())
            return not_yet(
                "The numbers are right, but not their gradient: is a part of the computation detached? With "
                f"{self.cases[where].text}: yours is {apart(mine[where], right[where])}, expected "
                f"{apart(right[where], mine[where])}."
            )
        return Verdict(Outcome.PASSED, self.right)

    @cached_property
    def _expected(self) -> Run:
        return self._outputs(self.reference)

    @cached_property
    def _wrong(self) -> list[tuple[str, Run]]:
        """The message of each mistake and each mutant, with its outputs."""
        made = [*((m.message, m.example) for m in self.mistakes), *self.mutants.items()]
        with torch.random.fork_rng(devices=[]):
            return [(text, _watched(partial(self._outputs, wrong))[0]) for text, wrong in made]

    def _outputs(self, function: Any) -> Run:
        """The outputs of a trusted function: the library's or a mistake's."""
        return [_parts(function(*_clone(case.args, "cpu"))) for case in self.cases]

    def _run(self, function: Any, device: str) -> Run | None:
        """The outputs of the student's function, None for a blank one; Unreadable says what is wrong."""
        outputs: Run = []
        for case, like in zip(self.cases, self._expected, strict=True):
            place = f" on the GPU ({case.text})" if device == "cuda" else f" ({case.text})"
            given, kept = _clone(case.args, device), _clone(case.args, device)
            try:
                out = function(*given)
            except Stop:
                raise
            except NotImplementedError:
                return None
            except BaseException as error:
                if outputs and not _agree(outputs, self._expected[: len(outputs)]):
                    raise Unreadable(self._diagnosis(outputs)) from None  # wrong before it raised
                shapes = ", ".join(f"{n} {_shape(a)}" for n, a in zip(self.names, given, strict=False))
                advice = next((advice for part, advice in ADVICE if part in str(error)), "")
                raise Unreadable(
                    f"Your function raised {named(error)}{_own_line(error, function)}{place}. "
                    f"It was called with {shapes}. {advice}".strip()
                ) from None
            if out is Ellipsis:
                return None
            for name, a, b in zip(self.names, given, kept, strict=False):
                if not _equal(a, b):
                    raise Unreadable(
                        f"Your function changes its input {name} in place; the caller still needs it. "
                        "Write x = x * a rather than x *= a."
                    )
            try:
                outputs.append(_checked(out, like, place, device))
            except Unreadable:
                if outputs and not _agree(outputs, self._expected[: len(outputs)]):
                    raise Unreadable(self._diagnosis(outputs)) from None  # wrong before
                raise
        return outputs

    def _same_on_gpu(self, function: Any, outputs: Run) -> None:
        gpu = self._run(function, "cuda") or []
        for case, a, b in zip(self.cases, outputs, gpu, strict=True):
            if not _agree([a], [b]):
                raise Unreadable(f"On the GPU it gives other numbers than on the CPU ({case.text}).")

    def _ratio(self, mine: Run) -> str:
        if any(len(case) > 1 for case in mine):
            return ""
        flat, right = (
            torch.cat([c[0].flatten() for c in run]) for run in (mine, self._expected[: len(mine)])
        )
        ratio = flat / right
        if not bool(ratio.isfinite().all()) or not torch.allclose(ratio, ratio[:1], 1e-6):
            return ""
        if abs(ratio[0].item() + 1) < 1e-6:
            return "The sign is turned round."
        if abs(ratio[0].item() - 1) < 1e-3:
            return ""
        name = next((name for name, value in FACTORS.items() if abs(ratio[0].item() / value - 1) < 1e-6), "")
        if name:
            return f"Yours is {name} times what is expected: a factor that is lost, too many, or upside down."
        return f"Right but for a constant factor: yours is {five_digits(ratio[0])} times what is expected."

    def _rounding(self, mine: Run) -> str:
        near = [
            torch.allclose(a, b, 1e-3, 1e-6)
            for out, right in zip(mine, self._expected, strict=False)
            for a, b in zip(out, right, strict=False)
        ]
        return "Right to three digits or more: was a constant rounded, or a tensor float32?" * all(near)

    def _first(self, mine: Run) -> str:
        """The first number that is clearly wrong, else the one furthest off, and the inputs it came from."""
        found: list[tuple[float, str]] = []
        for case, out, right in zip(self.cases, mine, self._expected, strict=False):
            for k, (a, b) in enumerate(zip(out, right, strict=True)):
                gap = torch.where(torch.isclose(a, b, 1e-7, 1e-9), 0, (a - b).abs() / (b.abs() + 1e-3))
                gap = gap.nan_to_num(math.inf, math.inf)
                if not bool(gap.any()):
                    continue
                where = tuple((gap > 0).nonzero()[0].tolist())
                place = f"[{', '.join(map(str, where))}]" if a.numel() > 1 else ""
                part = f"result {k + 1} of {len(out)}" if len(out) > 1 else "result"
                numbers = f"is {apart(a[where], b[where])}, expected {apart(b[where], a[where])}"
                found.append((gap[where].item(), f"With {case.text}: your {part}{place} {numbers}."))
        plain = [text for gap, text in found if gap > 0.02]
        return plain[0] if plain else max(found)[1] if found else ""


def _entries(args: tuple[Any, ...]) -> int:
    """How many numbers an example has, in the first argument that is a batch of more than one each."""
    sizes = (arg.numel() // max(len(arg), 1) for arg in args if isinstance(arg, Tensor) and arg.ndim)
    return next((size for size in sizes if size > 1), 1)


def _slope(function: Any, args: tuple[Any, ...]) -> float | None:
    """The slope of a function's sum for a factor before its network's output; None if there is none."""
    factor = torch.ones((), dtype=torch.float64, requires_grad=True)
    networks = [getattr(arg, "net", arg) for arg in args if isinstance(arg, nn.Module)]
    hooks = [net.register_forward_hook(lambda _net, _args, out: out * factor) for net in networks]
    try:
        with torch.enable_grad():
            torch.as_tensor(function(*args)).sum().backward()
    except RuntimeError:  # nothing of the result has a gradient
        return None
    finally:
        for hook in hooks:
            hook.remove()
    return None if factor.grad is None else factor.grad.item()


def _own_line(error: BaseException, function: Any) -> str:
    """The line of the student's function in which an error came up, quoted; "" if it can't be told."""
    code, at, lines = getattr(function, "__code__", None), error.__traceback__, []
    while at is not None:
        if code is not None and at.tb_frame.f_code.co_filename == code.co_filename:
            lines.append(linecache.getline(code.co_filename, at.tb_lineno).strip())
        at = at.tb_next
    return f" in your line {quoted(lines[-1])}" if lines and lines[-1] else ""


def apart(x: Tensor, other: Tensor) -> str:
    """A number for a message, with enough digits to distinguish it from `other`."""
    if five_digits(x) != five_digits(other):
        return five_digits(x)
    return next((f"{x:.{n}g}" for n in range(6, 17) if f"{x:.{n}g}" != f"{other:.{n}g}"), repr(x.item()))


def stub(function: Any) -> bool:
    """Whether a function's body is still empty: only a docstring, `...`, `pass`, or a bare return."""
    if not isinstance(function, FunctionType):
        return False
    code = list(dis.get_instructions(function))
    loaded = [step.argval for step in code if step.opname in ("LOAD_CONST", "RETURN_CONST")]
    return all(s.opname in IDLE for s in code) and all(v is None or v is Ellipsis for v in loaded)


def _watched(run: Callable[[], R]) -> tuple[R, bool]:
    """The result of `run`, with torch's generator seeded with 0, and whether it drew random numbers."""
    torch.default_generator.manual_seed(0)
    before = torch.get_rng_state()
    return run(), not torch.equal(torch.get_rng_state(), before)


def _source(function: Any) -> str:
    try:
        return inspect.getsource(function)[:LONGEST_TEXT]
    except Exception:
        return ""


def _checked(out: Any, right: list[Tensor], place: str, device: str) -> list[Tensor]:
    """A student's results as `_parts` gives them; Unreadable if type, shape or dtype don't match `right`."""
    if out is None:
        raise Unreadable("Your function returned None. Is a `return` missing?")
    if len(right) > 1 and not (isinstance(out, tuple | list) and len(out) == len(right)):
        raise Unreadable(f"{len(right)} results are expected{place}; {kind_of(out)} came.")
    parts: list[Any] = list(out) if len(right) > 1 else [out]
    for k, (part, like) in enumerate(zip(parts, right, strict=True)):
        which = f"result {k + 1} of {len(right)}" if len(right) > 1 else "result"
        if like.ndim == 0 and isinstance(part, float | int):
            parts[k] = torch.tensor(float(part), dtype=torch.float64)
            continue
        if not isinstance(part, Tensor):
            raise Unreadable(f"A tensor is expected{place}; {kind_of(part)} came.")
        parts[k] = part = _narrowed(part, like) if k else part
        shape, expected = tuple(part.shape), tuple(like.shape)
        if shape != expected:
            raise Unreadable(f"The {which} has shape {shape}, expected {expected}{place}.")
        if part.is_complex():
            raise Unreadable(
                f"The {which} is complex{place}: a root of something negative was taken. Are s and t, or a "
                "minuend and a subtrahend, exchanged?"
            )
        if part.dtype != torch.float64:
            raise Unreadable(
                f"The {which} is {part.dtype} where all inputs are torch.float64{place}: somewhere digits "
                "are lost. Let the result follow its inputs."
            )
        if part.device.type != device and like.ndim:
            raise Unreadable(f"The {which} is on the {part.device.type}, its inputs are on the {device}.")
    results = _parts(parts)
    if not all(bool(part.isfinite().all()) for part in results):
        raise Unreadable(f"The result holds NaN or infinity{place}; expected are finite numbers.")
    return results


def _narrowed(part: Tensor, like: Tensor) -> Tensor:
    """A result reduced to the shape of `like` if it is that, broadcast: one variance for each number."""
    if part.ndim < like.ndim or not part.numel():
        return part
    ahead = (0,) * (part.ndim - like.ndim)
    small = part[(*ahead, *(slice(0, 1 if n == 1 else None) for n in like.shape))]
    return small if small.shape == like.shape and torch.equal(small.expand_as(part), part) else part


def _clone(value: Any, device: str) -> Any:
    """A copy of an argument, on that device."""
    if isinstance(value, Tensor):
        return value.to(device, copy=True)
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).to(device)
    if isinstance(value, tuple):
        parts = (_clone(v, device) for v in value)
        return Level(*parts) if isinstance(value, Level) else tuple(parts)
    return value


def _parts(out: Any) -> list[Tensor]:
    """One result, or several, as a list of float64 tensors on the CPU."""
    parts = out if isinstance(out, tuple | list) else (out,)
    return [torch.as_tensor(p).detach().to("cpu", torch.float64, copy=True) for p in parts]


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, tuple):
        return all(map(_equal, a, b))
    if isinstance(a, Tensor):
        return torch.equal(a, b)
    return isinstance(a, nn.Module) or bool(a == b)


def _agree(mine: Run, right: Run) -> bool:
    pairs = [pair for x, y in zip(mine, right, strict=False) for pair in zip(x, y, strict=False)]
    return bool(pairs) and all(a.shape == b.shape and torch.allclose(a, b, 1e-7, 1e-9) for a, b in pairs)


def _shape(value: Any) -> str:
    if isinstance(value, Tensor):
        return str(tuple(value.shape))
    if isinstance(value, Level):
        signal = value.signal
        return f"Level of {_shape(signal)}" if isinstance(signal, Tensor) else "Level of two numbers"
    return type(value).__name__
