"""Noise schedules: float64 tables of signal and noise, with a signal-to-noise ratio that falls."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from . import checks


class Level(NamedTuple):
    """The noise level of x_t = signal * x0 + noise * eps.

    Tensors (B, 1, ..., 1) for a batch with a time each, numbers for one time, or symbols for a proof.
    """

    signal: Tensor | float
    noise: Tensor | float


class Schedule:
    """The levels at t = 0..T: `Schedule(abar)` if it preserves variance, else `Schedule(signal=a, noise=b)`.

    Tables (T+1,), or sequences.  Entry 0 is the clean image: abar or signal 1, noise 0.  From there the
    signal-to-noise ratio falls strictly; it may end at 0.  abar_t is signal^2, and 1 - abar_t is noise^2.

    t is the paper's t: entry t belongs to x_t.  Tables are float64 and stay on the CPU; `level` hands out
    what a batch needs in the batch's own dtype and on its device.  ValueError for a table that breaks the
    law.
    """

    def __init__(
        self, abar: Tensor | None = None, *, signal: Tensor | None = None, noise: Tensor | None = None
    ):
        if (abar is None) != (signal is not None and noise is not None):
            raise TypeError("a schedule is given by abar, or by signal and noise")
        if abar is not None:
            abar = _table("abar", abar, 1)
            _falling("abar must decrease strictly and stay at 0 or above", abar, abar.diff() < 0)
            signal, noise = abar.sqrt(), (1 - abar).sqrt()
        a, b = _table("signal", signal, 1), _table("noise", noise, 0)
        if len(a) != len(b):
            raise ValueError(f"signal and noise must have one length, got {len(a)} and {len(b)}")
        ratio = "the signal-to-noise ratio must decrease strictly"
        _falling(ratio, (a / b) ** 2, (b[1:] > 0) & (a[1:] * b[:-1] < a[:-1] * b[1:]))
        if abar is None and bool(((a**2 + b**2 - 1).abs() < 1e-12).all()):
            abar = a**2
        self._abar, self._signal, self._noise = abar, a, b
        self._levels = [*map(Level, a.tolist(), b.tolist())]
        self._tables: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}

    @property
    def T(self) -> int:
        """The number of steps."""
        return len(self._signal) - 1

    @property
    def signal(self) -> Tensor:
        """The factor of x_0 in x_t: (T+1,), signal[0] = 1."""
        return self._signal.clone()

    @property
    def noise(self) -> Tensor:
        """The factor of eps in x_t: (T+1,), noise[0] = 0."""
        return self._noise.clone()

    @property
    def preserving(self) -> bool:
        """Whether signal^2 + noise^2 = 1: data of variance 1 keep it at every t."""
        return self._abar is not None

    @property
    def abar(self) -> Tensor:
        """The product of alpha_1 .. alpha_t: (T+1,), abar[0] = 1.  ValueError unless `preserving`."""
        if self._abar is None:
            raise ValueError(
                f"{self} doesn't preserve variance, so it has no abar, alphas or betas; "
                "use its signal, noise and snr, or process.between for one step"
            )
        return self._abar.clone()

    @property
    def alphas(self) -> Tensor:
        """alpha_t = abar_t / abar_{t-1}: (T+1,), alphas[0] = 1.  ValueError unless `preserving`."""
        return torch.cat([self.abar[:1], self.abar[1:] / self.abar[:-1]])

    @property
    def betas(self) -> Tensor:
        """beta_t = 1 - alpha_t: (T+1,), betas[0] = 0.  ValueError unless `preserving`."""
        return 1 - self.alphas

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio signal^2 / noise^2: (T+1,), infinite at t = 0."""
        return (self._signal / self._noise) ** 2 if self._abar is None else self._abar / (1 - self._abar)

    def half_log_snr(self, t: int) -> float:
        """log(signal / noise) at t: the variable in which DPM-Solver steps; infinite where either is 0."""
        signal, noise = self.at(t)
        return math.log(signal / noise) if signal and noise else math.inf if signal else -math.inf

    def start(self, noise: Tensor) -> Tensor:
        """x_T from standard noise (B, ...): the noise itself if variance is preserved, else times noise_T."""
        return noise if self.preserving else self._levels[-1].noise * noise

    def level(self, t: Tensor | int, like: Tensor | None = None) -> Level:
        """The level at time t.

        t: whole times in 0..T, (B,) or (1,), with `like` the data (B, ...) they are for: a Level of
        tensors (B, 1, ..., 1) in the dtype and on the device of `like`.  Or one int: a Level of two
        floats, which fit any data; in half precision they alone keep neighbouring times apart, and with
        them the variance of a step.  TypeError or ValueError for anything else.
        """
        if not isinstance(t, Tensor):
            return self.at(checks.whole(t, "t", 0, self.T))
        like = checks.floating(like, "like, the data that the level is for,")
        return self.at(checks.times(t, self.T, 0, len(like)), like)

    def at(self, t: Tensor | int, like: Tensor | None = None) -> Level:
        """`level`, unchecked: what a loop calls."""
        if like is None or not isinstance(t, Tensor):
            return self._levels[int(t)]
        t, shape = t.to(like.device), (len(t),) + (1,) * (like.ndim - 1)
        signal, noise = (table[t].reshape(shape) for table in self._table(like.device, like.dtype))
        return Level(signal, noise)  # (B, 1, ..., 1) each

    def times(self, steps: int | None = None) -> list[int]:
        """Evenly spaced times from T down to 0 for a walk of `steps` steps (all T of them if None)."""
        steps = self.T if steps is None else checks.whole(steps, "steps", 1, self.T)
        return [round(self.T * k / steps) for k in range(steps, -1, -1)]

    def _table(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if (device, dtype) not in self._tables:  # dtype first: MPS has no float64
            self._tables[device, dtype] = self._signal.to(dtype).to(device), self._noise.to(dtype).to(device)
        return self._tables[device, dtype]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schedule):
            return NotImplemented
        return torch.equal(self._signal, other._signal) and torch.equal(self._noise, other._noise)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if self._abar is not None:
            return f"Schedule(T={self.T}, abar_T={self._abar[-1]:.4e})"
        return f"Schedule(T={self.T}, signal_T={self._signal[-1]:.4g}, noise_T={self._noise[-1]:.4g})"


def _table(name: str, values: Tensor | None, first: float) -> Tensor:
    table = torch.as_tensor(values, dtype=torch.float64, device="cpu").detach().clone()
    if table.ndim != 1 or len(table) < 2:
        raise ValueError(f"{name} must have shape (T+1,) with T at least 1, got {tuple(table.shape)}")
    if table[0] != first:
        raise ValueError(f"{name}[0] must be {first}, the clean image, got {table[0]:g}")
    return _falling(f"{name} must be 0 or more", table, table[1:] >= 0)  # NaN fails here too


def _falling(law: str, table: Tensor, holds: Tensor) -> Tensor:
    """`table`, or ValueError with the first t at which `holds` (T,) is false."""
    if len(bad := (~holds).nonzero().flatten()):
        t = int(bad[0]) + 1
        raise ValueError(f"{law}, got {table[t]:g} at t = {t} after {table[t - 1]:g}")
    return table


def from_betas(betas: Tensor) -> Schedule:
    """The schedule of beta_1 .. beta_T: (T,), each strictly between 0 and 1, or ValueError."""
    betas = torch.as_tensor(betas, dtype=torch.float64, device="cpu").detach()
    if betas.ndim != 1 or len(betas) < 1:
        raise ValueError(f"betas must have shape (T,) with T at least 1, got {tuple(betas.shape)}")
    bad = (~((betas > 0) & (betas < 1))).nonzero().flatten()
    if len(bad):
        i = int(bad[0])
        raise ValueError(f"every beta must lie strictly between 0 and 1, got beta_{i + 1} = {betas[i]:g}")
    return Schedule(torch.cat([betas.new_ones(1), torch.cumprod(1 - betas, 0)]))


def linear(T: int = 1000, beta_min: float = 1e-4, beta_max: float = 0.02) -> Schedule:
    """beta grows linearly from beta_min to beta_max.  Ho et al. 2020, section 4."""
    T = checks.whole(T, "T", 1)
    low, high = checks.real(beta_min, "beta_min", 0, 1), checks.real(beta_max, "beta_max", 0, 1)
    return from_betas(torch.linspace(low, high, T, dtype=torch.float64, device="cpu"))


def cosine(T: int = 1000, offset: float = 0.008, beta_max: float = 0.999) -> Schedule:
    """abar follows a squared cosine.  Nichol & Dhariwal 2021, eq. 17; beta is clipped at beta_max."""
    T = checks.whole(T, "T", 1)
    offset, beta_max = checks.real(offset, "offset", 0, 1), checks.real(beta_max, "beta_max", 0, 1)
    u = (torch.arange(T + 1, dtype=torch.float64, device="cpu") / T + offset) / (1 + offset)
    f = torch.cos(u * math.pi / 2) ** 2
    return from_betas((1 - f[1:] / f[:-1]).clamp(max=beta_max))


def exploding(T: int = 1000, smallest: float = 0.01, largest: float = 50.0) -> Schedule:
    """Noise is only added: signal 1, noise from `smallest` at t = 1 to `largest` at T, even in its logarithm.

    Song & Ermon 2019; Song et al. 2021, the variance-exploding SDE.
    """
    T = checks.whole(T, "T", 1)
    low = checks.real(smallest, "smallest", 0, math.inf)
    high = checks.real(largest, "largest", low, math.inf)
    noise = torch.logspace(math.log10(low), math.log10(high), T, dtype=torch.float64, device="cpu")
    return Schedule(signal=noise.new_ones(T + 1), noise=torch.cat([noise.new_zeros(1), noise]))


def straight(T: int = 1000) -> Schedule:
    """The path of flow matching: signal 1 - t/T, noise t/T.  Lipman et al. 2023; Liu et al. 2023."""
    t = torch.arange(checks.whole(T, "T", 1) + 1, dtype=torch.float64, device="cpu") / T
    return Schedule(signal=1 - t, noise=t)


def zero_terminal(schedule: Schedule) -> Schedule:
    """The same schedule with no signal left at T.  Lin et al. 2024, alg. 1.

    Its roots of abar are shifted and scaled; x_1 stays as it was.  ValueError for one that doesn't preserve
    variance, or for T = 1.
    """
    root = schedule.abar.sqrt()[1:]
    if len(root) < 2:
        raise ValueError("a schedule of one step can't both keep x_1 and end without signal")
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return Schedule(torch.cat([root.new_ones(1), root**2]))
