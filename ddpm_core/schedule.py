"""Noise schedules: one float64 table, abar[0..T]; everything else is derived from it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from . import checks


class Level(NamedTuple):
    """The noise level of x_t = signal * x0 + noise * eps: sqrt(abar_t) and sqrt(1 - abar_t).

    Tensors (B, 1, ..., 1) for a batch with a time each, numbers for one time, or symbols for a proof.
    """

    signal: Tensor | float
    noise: Tensor | float


class Schedule:
    """A noise schedule, given by abar (T+1,), or a sequence: abar[0] = 1, strictly decreasing, positive.

    t is the paper's t: every table has T+1 entries, and entry t belongs to x_t.  Tables are float64 and
    stay on the CPU; `level` hands out what a batch needs in the batch's own dtype and on its device.
    Raises ValueError for a table that breaks the law.
    """

    def __init__(self, abar: Tensor):
        abar = torch.as_tensor(abar).detach().to("cpu", torch.float64, copy=True)
        if abar.ndim != 1 or len(abar) < 2:
            raise ValueError(f"abar must have shape (T+1,) with T at least 1, got {tuple(abar.shape)}")
        if abar[0] != 1:
            raise ValueError(f"abar[0] must be 1, the clean image, got {abar[0]:g}")
        bad = (~((abar[1:] > 0) & (abar.diff() < 0))).nonzero().flatten()  # NaN fails here too
        if len(bad):
            t = int(bad[0]) + 1
            raise ValueError(
                "abar must decrease strictly and stay above 0, "
                f"got {abar[t]:g} at t = {t} after {abar[t - 1]:g}"
            )
        self._abar = abar
        self._floats = abar.sqrt().tolist(), (1 - abar).sqrt().tolist()
        self._tables: dict[tuple[torch.device, torch.dtype], tuple[Tensor, Tensor]] = {}

    @property
    def T(self) -> int:
        """The number of steps."""
        return len(self._abar) - 1

    @property
    def abar(self) -> Tensor:
        """The product of alpha_1 .. alpha_t: (T+1,), abar[0] = 1."""
        return self._abar.clone()

    @property
    def alphas(self) -> Tensor:
        """alpha_t = abar_t / abar_{t-1}: (T+1,), alphas[0] = 1."""
        return torch.cat([self._abar[:1], self._abar[1:] / self._abar[:-1]])

    @property
    def betas(self) -> Tensor:
        """beta_t = 1 - alpha_t: (T+1,), betas[0] = 0."""
        return 1 - self.alphas

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio abar_t / (1 - abar_t): (T+1,), infinite at t = 0."""
        return self._abar / (1 - self._abar)

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
        if not isinstance(t, Tensor) or like is None:
            return Level(*(table[int(t)] for table in self._floats))
        t, shape = t.to(like.device), (len(t),) + (1,) * (like.ndim - 1)
        signal, noise = (table[t].reshape(shape) for table in self._table(like.device, like.dtype))
        return Level(signal, noise)  # (B, 1, ..., 1) each

    def times(self, steps: int | None = None) -> list[int]:
        """Evenly spaced times from T down to 0 for a walk of `steps` steps (all T of them if None)."""
        steps = self.T if steps is None else checks.whole(steps, "steps", 1, self.T)
        return [round(self.T * k / steps) for k in range(steps, -1, -1)]

    def _table(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        if (device, dtype) not in self._tables:
            signal, noise = self._abar.sqrt(), (1 - self._abar).sqrt()
            # dtype first: MPS has no float64
            self._tables[device, dtype] = signal.to(dtype).to(device), noise.to(dtype).to(device)
        return self._tables[device, dtype]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and torch.equal(self._abar, other._abar)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Schedule(T={self.T}, abar_T={self._abar[-1]:.4e})"


def from_betas(betas: Tensor) -> Schedule:
    """The schedule of beta_1 .. beta_T: (T,), each strictly between 0 and 1, or ValueError."""
    betas = torch.as_tensor(betas).detach().to("cpu", torch.float64)
    if betas.ndim != 1 or len(betas) < 1:
        raise ValueError(f"betas must have shape (T,) with T at least 1, got {tuple(betas.shape)}")
    bad = (~((betas > 0) & (betas < 1))).nonzero().flatten()
    if len(bad):
        i = int(bad[0])
        raise ValueError(f"every beta must lie strictly between 0 and 1, got beta_{i + 1} = {betas[i]:g}")
    return Schedule(torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - betas, 0)]))


def linear(T: int = 1000, beta_min: float = 1e-4, beta_max: float = 0.02) -> Schedule:
    """beta grows linearly from beta_min to beta_max.  Ho et al. 2020, section 4."""
    T = checks.whole(T, "T", 1)
    low, high = checks.real(beta_min, "beta_min", 0, 1), checks.real(beta_max, "beta_max", 0, 1)
    return from_betas(torch.linspace(low, high, T, dtype=torch.float64))


def cosine(T: int = 1000, offset: float = 0.008, beta_max: float = 0.999) -> Schedule:
    """abar follows a squared cosine.  Nichol & Dhariwal 2021, eq. 17; beta is clipped at beta_max."""
    T = checks.whole(T, "T", 1)
    offset, beta_max = checks.real(offset, "offset", 0, 1), checks.real(beta_max, "beta_max", 0, 1)
    u = (torch.arange(T + 1, dtype=torch.float64) / T + offset) / (1 + offset)
    f = torch.cos(u * math.pi / 2) ** 2
    return from_betas((1 - f[1:] / f[:-1]).clamp(max=beta_max))
