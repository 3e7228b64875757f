"""A network, a schedule and a meaning for its output: (x_t, t) -> estimate of x_0."""

import math
from collections.abc import Sequence

from torch import Tensor, cat, full, full_like, nn

from . import checks
from .formula import formula
from .gaussian import per_example
from .prediction import Prediction
from .process import q_sample
from .schedule import Level, Schedule
from .words import Vocabulary

Told = Tensor | str | Sequence[str]  # labels (B,), numbers of words (B, L), or texts


@formula
def guide(plain: Tensor, conditional: Tensor, strength: float) -> Tensor:
    """From the output without a label to the one with it, and on: 0 and 1 give these two.  (B, ...).

    Ho & Salimans 2022 (classifier-free guidance), eq. 6, where w is strength - 1.
    """
    return plain + strength * (conditional - plain)


class Denoiser(nn.Module):
    """A network's estimate of E[x_0 | x_t].

    net: a module (x_t, t) -> output of x_t's shape, with t (B,) whole; a network with labels takes them
    third, net(x_t, t, y), y (B,) whole, -1 for "no label"; one with words the numbers of those, (B, L).
    Where the schedule doesn't preserve variance, it is given x_t / sqrt(signal^2 + noise^2).
    prediction: what the output means.  clip: if the data lie in [-clip, clip], so does E[x_0 | x_t], and
    estimates are clamped to it.  Without it, at the noisiest levels a small error of the output is divided
    by a tiny signal, and the estimate explodes.
    """

    def __init__(self, net: nn.Module, schedule: Schedule, prediction: Prediction, clip: float | None = None):
        super().__init__()
        if not isinstance(schedule, Schedule):
            raise TypeError(f"schedule must be a Schedule, got {checks.brief(schedule)}")
        if not (hasattr(prediction, "target") and hasattr(prediction, "x0")) or isinstance(prediction, type):
            raise TypeError(f"prediction must be an object like Eps(), got {checks.brief(prediction)}")
        if clip is not None:
            checks.real(clip, "clip", 0, math.inf)
        try:
            prediction.x0(0.0, 1.0, schedule.at(schedule.T - 1), schedule.at(schedule.T))  # type: ignore[arg-type]
        except ZeroDivisionError:
            raise ValueError(
                f"{type(prediction).__name__} divides by the signal, and {schedule} ends without any: "
                "take V(), Flow() or X0()"
            ) from None
        checks.trained_for(net, schedule.T)
        self.net, self.schedule, self.prediction, self.clip = net, schedule, prediction, clip

    def forward(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """The estimate of x_0: (B, ...).

        xt: (B, ...), floating point; t: whole times in 1..T, (B,) or (1,), or one int for the whole batch.
        TypeError or ValueError for anything else.
        """
        checks.floating(xt, "xt")
        if isinstance(t, Tensor):
            t = checks.times(t, self.schedule.T, 1, len(xt)).to(xt.device)
            if len(xt) == 1:
                xt = xt.expand(len(t), *xt.shape[1:])
            s, now = self.schedule.at(t - 1, xt), self.schedule.at(t, xt)
        else:
            t = checks.whole(t, "t", 1, self.schedule.T)
            s, now = self.schedule.at(t - 1), self.schedule.at(t)
            t = full((1,), t, device=xt.device)
        x0 = self.prediction.x0(self._out(xt, now, t), xt, s, now)
        return x0 if self.clip is None else x0.clamp(-self.clip, self.clip)

    def loss(self, x0: Tensor, t: Tensor, eps: Tensor, y: Tensor | None = None) -> Tensor:
        """Squared error ||target - output||^2 of each example, summed over its entries: (B,).

        x0: (B, ...) in [-1, 1] where it is pictures; t: whole times in 1..T, (B,) or (1,);
        eps: the noise, like x0; y: labels (B,), or words (B, L), for a network that takes them.
        Ho et al. 2020, eq. 14, for Eps().  TypeError or ValueError for anything else.
        """
        checks.data(x0, "x0", self.clip)
        checks.same_shape(checks.batch(eps, "eps"), x0, "eps", "x0")
        t = checks.times(t, self.schedule.T, 1, len(x0))
        if y is not None:
            y = self.labels(y, len(x0))
        return self.errors(x0, t.to(x0.device), eps, y)

    def errors(self, x0: Tensor, t: Tensor, eps: Tensor, y: Tensor | None = None) -> Tensor:
        """`loss` without checks, for training loops."""
        s, now = self.schedule.at(t - 1, x0), self.schedule.at(t, x0)
        xt = q_sample(x0, eps, now)
        out = self._out(xt, now, t, *(() if y is None else (y,)))
        return per_example((self.prediction.target(x0, eps, xt, s, now) - out) ** 2)

    def try_out(self, x: Tensor, y: Tensor | None = None) -> None:
        """TypeError or ValueError unless the network takes data like x (B, ...), each row as if alone.

        y: labels (B,) for a network that takes them.  It costs two passes of a few rows, once for each kind
        of data; the network is in eval mode meanwhile, and no random number is drawn.
        """
        if isinstance(self.net, Labelled):
            checks.tried(self.net.net, self.schedule.T, x, self.net.for_all(x))
        else:
            checks.tried(self.net, self.schedule.T, x, y)

    def labels(self, y: Told, batch: int | None = None) -> Tensor:
        """Labels (batch,), or words (batch, L), that the network knows, or TypeError / ValueError."""
        config = getattr(self.net, "config", {})
        if known := config.get("words"):
            y = y if isinstance(y, Tensor) else Vocabulary(known).numbers(y)
            return checks.labels(y, batch, len(known), axes=2)
        return checks.labels(y, batch, config.get("classes"))

    def given(self, y: Told) -> "Denoiser":
        """This denoiser with its labels fixed: an estimate of E[x_0 | x_t, y].

        y: labels (B,), or texts such as ["red heart"] for a network with words; one for all, or one for each.
        """
        return Denoiser(Labelled(self.net, self.labels(y)), self.schedule, self.prediction, self.clip)

    def guided(self, y: Told, strength: float | Tensor, against: Told | None = None) -> "Denoiser":
        """This denoiser with classifier-free guidance: outputs with and without a label, mixed by `guide`.

        y: as for `given`.  strength: 0 for no label, 1 for `given(y)`, both at half the cost; above 1
        the label counts for more than in p(x | y); (B,) for one for each picture.  against: labels or texts
        to lead away from, in place of no label ("negative prompts").  Outputs are mixed before
        `clip`.  An estimate of x_0 is affine in the output, with slopes that depend on the level alone, so
        mixing estimates is the same.
        ValueError for a network without labels, TypeError or ValueError for other bad input.
        """
        config = getattr(self.net, "config", {})
        if isinstance(self.net, Labelled) or not (config.get("words") or config.get("classes", "?")):
            raise ValueError(
                "guidance asks a network with a label and without one, "
                f"but this {type(self.net).__name__} takes no label; make and train it with classes=..."
            )
        checks.strength(strength)
        y = self.labels(y)
        away = full_like(y[:1], -1) if against is None else self.labels(against)
        if not isinstance(strength, Tensor) and strength in (0, 1):
            return self.given(y if strength else away)
        return Denoiser(Guided(self.net, y, strength, away), self.schedule, self.prediction, self.clip)

    def _out(self, xt: Tensor, now: Level, t: Tensor, *y: Tensor) -> Tensor:
        """What the network says; it sees x_t at the size that it has where variance is preserved."""
        seen = xt if self.schedule.preserving else xt / (now.signal**2 + now.noise**2) ** 0.5
        return checks.output(self.net, seen, t, *y)


class Labelled(nn.Module):
    """A network whose labels are fixed."""

    def __init__(self, net: nn.Module, y: Tensor):
        super().__init__()
        self.net = net
        self.y: Tensor
        self.register_buffer("y", y)

    def forward(self, xt: Tensor, t: Tensor) -> Tensor:
        """The network's output for the labels that are fixed: (B, ...)."""
        return self.net(xt, t, self.for_all(xt))

    def for_all(self, xt: Tensor) -> Tensor:
        """A label for each picture, or ValueError."""
        return checks.for_all(self.y, xt)


class Guided(Labelled):
    """A network whose labels are fixed, guided: one call, on a batch twice as large."""

    def __init__(self, net: nn.Module, y: Tensor, strength: float | Tensor, away: Tensor):
        y, away = checks.as_wide(y, away)
        super().__init__(net, y)
        self.strength = strength
        self.away: Tensor
        self.register_buffer("away", away)

    def forward(self, xt: Tensor, t: Tensor) -> Tensor:
        """The guided output: (B, ...)."""
        y = cat([checks.for_all(self.away, xt), self.for_all(xt)])
        both = self.net(cat([xt, xt]), cat([t, t]), y)  # (2B, ...)
        plain, conditional = both.chunk(2)
        return guide(plain, conditional, checks.spread(self.strength, plain))
