"""The training loop, as a generator: the caller prints, plots, saves or stops."""

import copy
import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from . import checks, parallel
from .data import Batch, Ordered, rows, stream
from .denoiser import Denoiser
from .nets import set_memory_format
from .speed import keep_memory


class Step(NamedTuple):
    """One step of a run: images seen so far, and the times drawn with each example's mean squared error.

    Of several processes, each sees the times and errors of its own share of the batch.
    """

    images: int
    t: Tensor  # (B,)
    errors: Tensor  # (B,)
    run: "Run"

    @property
    def loss(self) -> float:
        """The mean of the errors."""
        return self.errors.mean().item()


class Extras(NamedTuple):
    """What the paper's run does without.

    bf16: multiply in bfloat16 where torch.autocast does (the weights, their average and the loss stay as
    they are).  min_snr: weigh an error in x_0 by min(SNR, min_snr), 5 being usual, so that samples are good
    sooner, at some cost to the bound.  The paper multiplies the loss; here t is drawn in proportion to
    `weights`, which has the same expected gradient up to its scale, but `step.loss` is then no longer
    comparable with that of a run without.  clip_grad: shorten a gradient whose norm is larger.
    """

    bf16: bool = False
    min_snr: float | None = None
    clip_grad: float | None = None


class Plan(NamedTuple):
    """What a run was asked for."""

    images: int
    batch: int
    lr: float
    ema: float
    drop: float
    seed: int
    extras: Extras


class Run:
    """All that goes from one step to the next: the weights being trained, their average, and the rest.

    `average` is the caller's own denoiser: at every moment it holds weights that can be sampled from.
    """

    def __init__(self, denoiser: Denoiser, plan: Plan, settings: dict[str, Any]):
        self.average = denoiser
        self.online = copy.deepcopy(denoiser).train()
        parallel.same([*self.online.parameters(), *self.average.parameters()])
        self.optimizer = torch.optim.Adam(self.online.parameters(), betas=(0.9, 0.99), fused=True)
        self.device, self.T = next(denoiser.parameters()).device, denoiser.schedule.T
        self.generator = torch.Generator(self.device).manual_seed(plan.seed)
        self.plan, self.settings, self.images, self.steps = plan, settings, 0, 0

    def follow(self, decay: float) -> None:
        """Move the average towards the weights being trained; buffers, such as a batch norm's, are copied."""
        averages, weights = list(self.average.parameters()), list(self.online.parameters())
        get_ema_multi_avg_fn(decay)(averages, weights, torch.tensor(self.steps))
        for average, online in zip(self.average.buffers(), self.online.buffers(), strict=True):
            average.copy_(online)

    def tensors(self) -> dict[str, Tensor]:
        """All of it as named tensors, copies: for a file, or to go on from as `train`'s `resume`."""
        parts = {"online": self.online.state_dict(), "average": self.average.state_dict()}
        parts |= {f"adam.{i}": self.optimizer.state[p] for i, p in enumerate(self.online.parameters())}
        live = {f"{part}.{name}": t for part, state in parts.items() for name, t in state.items()}
        live |= {"generator": self.generator.get_state(), "counts": torch.tensor([self.images, self.steps])}
        live["settings"] = torch.tensor(list(json.dumps(self.settings).encode()), dtype=torch.uint8)
        return {name: t.detach().clone() for name, t in live.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from `tensors`: ValueError if they are of another network or of other settings."""
        part = lambda head: {n.removeprefix(head): t for n, t in tensors.items() if n.startswith(head)}  # noqa: E731
        try:
            checks.same_settings(tensors, self.settings, self.plan.images)
            self.generator.set_state(tensors["generator"])
            self.online.load_state_dict(part("online."))
            self.average.load_state_dict(part("average."))
            self.images, self.steps = tensors["counts"].tolist()
            for i, p in enumerate(self.online.parameters()):
                if part(f"adam.{i}.") or not part("adam."):  # a frozen weight has no state
                    moments = {name: tensors[f"adam.{i}.{name}"] for name in ("exp_avg", "exp_avg_sq")}
                    moments = {name: torch.empty_like(p).copy_(m) for name, m in moments.items()}
                    self.optimizer.state[p] = {"step": tensors[f"adam.{i}.step"].clone()} | moments
        except (RuntimeError, KeyError, TypeError) as error:
            raise ValueError(
                f"the save is of another network, another kind of device or another version: {error}"
            ) from None


def train(
    denoiser: Denoiser,
    x0: Tensor | Ordered | Iterable[Any],
    y: Tensor | None = None,
    *,
    images: int,
    batch: int = 64,
    lr: float = 4e-3,
    ema: float = 0.999,
    drop: float = 0.1,
    seed: int = 0,
    extras: Extras = Extras(),  # noqa: B008  (a tuple)
    resume: dict[str, Tensor] | None = None,
) -> Iterator[Step]:
    """Minimise E ||target - output||^2 over t uniform in 1..T, and yield every step.  Ho et al. 2020, alg. 1.

    denoiser: trained in place; it always holds the moving average of the weights, so that a run can be
    left, interrupted or sampled from at any step.  x0: all the data, (N, ...) in [-1, 1] where it is
    pictures; y: labels (N,), or words (N, L), each example's replaced by "no label" with probability `drop`.
    Or x0: an iterable of batches, such as a DataLoader, iterated over again and again: each x0 (B, ...), or
    (x0, y), or a mapping with the names x0, y and eps, eps being noise that belongs to x0, which is drawn
    otherwise (pairs for a reflow); of several processes, each must be given the same batches.  Or x0: what
    gives them in an order of its own from any picture on, such as a `folder`.  images: how many to
    see; a tensor's in batches of `batch`, in a new random order each time round; lr: the highest rate, after
    a short rise and before a fall to 0; ema: how slowly the average forgets; seed: of all that is drawn here
    (a network's own dropout draws from torch's generator, an iterable its order as it likes); extras: what
    the paper does without, such as Extras(clip_grad=1.0).

    resume: `step.run.tensors()` of an earlier run with the same arguments, or what `checkpoints.load_run`
    read, which then ends with the same weights, bit for bit, as if it had never stopped (where an iterable's
    order doesn't begin anew).  Only `images` may be another: the rate then follows the new length, and
    rises again where the old run let it fall.  The first call in a program lets it keep the memory that it
    frees (`speed.keep_memory`).

    TypeError or ValueError for bad input, here and now; FloatingPointError if the loss is no number.
    UserWarning for what trains and samples wrongly (`checks.trainable`), and if nobody asks for a step.
    """
    plan = checks.plan(Plan(images, batch, lr, ema, drop, seed, extras))
    if isinstance(x0, Tensor):
        feed, first = None, Batch(x0, None if y is None else denoiser.labels(y, len(x0)))
    elif y is not None:
        raise TypeError("an iterable of batches brings its own labels: let it give (x0, y)")
    else:
        seen = int(resume["counts"][0]) if resume and "counts" in resume else 0
        ordered = x0.batches(batch, seed, seen) if isinstance(x0, Ordered) else x0
        feed = stream(ordered, denoiser.labels)
        feed = chain([first := next(feed)], feed)
    checks.trainable(denoiser, *first)
    keep_memory()
    run = Run(denoiser, plan, checks.settings(denoiser, plan, first, x0))
    if extras.bf16:
        set_memory_format(run.online, bf16=True)
    if resume is not None:
        run.restore(resume)
    denoiser.try_out(first.x0[:4].to(run.device), None if first.y is None else first.y[:4])
    if feed is None:
        feed = rows(first.on(run.device), batch, seed, run.images)
    return checks.Unstarted(_steps(run, feed), "train(...)")


def _steps(run: Run, feed: Iterator[Batch]) -> Iterator[Step]:
    plan, most = run.plan, run.plan.extras.min_snr
    t_weights = None if most is None else weights(run.average, most).float().to(run.device)
    while (left := plan.images - run.images) > 0:
        x0, y, eps = next(feed).on(run.device, left)
        labels = None if y is None else _dropped(y, plan.drop, run.generator)
        t = _times(len(x0), t_weights, run)
        for group in run.optimizer.param_groups:
            group["lr"] = plan.lr * rate(run.images / plan.images)
        mine, errors = _step(run, Batch(x0, labels, eps), t)
        run.images += len(x0)
        run.steps += 1
        run.follow(min(plan.ema, run.steps / (run.steps + 9)))
        yield Step(run.images, mine, errors, run)


@torch.enable_grad()  # an interrupt inside somebody's no_grad may have left gradients off
def _step(run: Run, batch: Batch, t: Tensor) -> tuple[Tensor, Tensor]:
    (x0, y, eps), extras = batch, run.plan.extras
    g, mine = run.generator, parallel.own_slice(len(x0))
    if eps is None:
        eps = torch.randn(x0.shape, generator=g, device=g.device, dtype=x0.dtype)
    t = t[mine]
    # no cache: after an interrupt inside an autocast it would never be emptied again
    with torch.autocast(g.device.type, torch.bfloat16, enabled=extras.bf16, cache_enabled=False):
        errors = run.online.errors(x0[mine], t, eps[mine], None if y is None else y[mine]) / x0[0].numel()
    loss = errors.sum() / len(x0)
    run.optimizer.zero_grad()
    loss.backward()
    parallel.total([loss, *(w.grad for w in run.online.parameters() if w.grad is not None)])
    if extras.clip_grad is not None:
        torch.nn.utils.clip_grad_norm_(run.online.parameters(), extras.clip_grad)
    if loss.device.type == "cpu" or run.steps % 100 == 0:  # a look at every step would hold up a GPU's queue
        checks.finite(loss, run)
    run.optimizer.step()
    return t, errors.detach()


def _times(size: int, t_weights: Tensor | None, run: Run) -> Tensor:
    if t_weights is None:
        return torch.randint(1, run.T + 1, (size,), generator=run.generator, device=run.device)
    return 1 + t_weights.multinomial(size, replacement=True, generator=run.generator)


def weights(denoiser: Denoiser, most: float) -> Tensor:
    """The weight of the squared error of an output at the times 1..T: (T,), float64.

    It is such that the error in x_0 has the weight min(SNR, most).  In Ho et al.'s loss, which compares the
    noise, it has the weight SNR, which grows without bound as t falls.  Hang et al. 2023, section 3.4.
    """
    schedule, one = denoiser.schedule, torch.ones(denoiser.schedule.T, dtype=torch.float64)
    times = torch.arange(1, schedule.T + 1)
    s, t = schedule.at(times - 1, one), schedule.at(times, one)
    slope = denoiser.prediction.x0(one, 0 * one, s, t)  # of the estimate of x_0, in the output
    return schedule.snr[1:].clamp(max=most) * slope**2


def rate(progress: float, rise: float = 0.05) -> float:
    """The learning rate as a fraction of its maximum, at `progress` in 0..1: linear warm-up, cosine decay."""
    if progress < rise:
        return (progress + 1e-3) / (rise + 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * (progress - rise) / (1 - rise))


def _dropped(y: Tensor, drop: float, generator: torch.Generator) -> Tensor:
    keep = torch.rand(len(y), generator=generator, device=y.device) >= drop
    return torch.where(keep.reshape(-1, *(1,) * (y.ndim - 1)), y, -1)


def watch(steps: Iterable[Step], images: int) -> Iterator[Step]:
    """The same steps, with a progress bar: loss (a moving average), images/s and time left."""
    from tqdm.auto import tqdm

    loss = None
    with tqdm(total=images, unit=" images", unit_scale=True, dynamic_ncols=True) as bar:
        for step in steps:
            if loss is None:  # what an earlier run has seen was not seen now
                bar.initial = bar.n = max(0, step.images - len(step.t) * parallel.count())
            loss = step.loss if loss is None else 0.98 * loss + 0.02 * step.loss
            bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            bar.update(step.images - bar.n)
            yield step
