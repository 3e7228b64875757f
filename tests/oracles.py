"""References for the tests: textbook formulas in abar and beta, written without the package's own."""

import html.parser
from itertools import pairwise

import torch
from torch import Tensor

from ddpm_core import Schedule, cosine, linear

SCHEDULES = {"linear": linear(), "short": linear(37, 1e-3, 0.3), "cosine": cosine(200)}


def close(a: Tensor | float, b: Tensor | float, tol: float = 1e-9) -> None:
    a, b = (torch.as_tensor(x, dtype=torch.float64) for x in (a, b))
    torch.testing.assert_close(a, b, rtol=tol, atol=tol)


def pairs(T: int, n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """n random pairs of times 1 <= s < t <= T."""
    g = torch.Generator().manual_seed(seed)
    t = torch.randint(2, T + 1, (n,), generator=g)
    s = 1 + (torch.rand(n, generator=g) * (t - 1)).long()
    return s, t


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class GaussianWorld:
    """Data N(m, v): E[x_0 | x_t] = m + sqrt(abar) v / (abar v + 1 - abar) (x_t - sqrt(abar) m)."""

    def __init__(self, schedule: Schedule, m: float, v: float):
        self.schedule, self.m, self.v = schedule, m, v

    def gain(self, t: int) -> float:
        abar = self.schedule.abar[t].item()
        return abar**0.5 * self.v / (abar * self.v + 1 - abar)

    def __call__(self, xt: Tensor, t: Tensor) -> Tensor:
        assert t.shape == (len(xt),)
        k = int(t[0])
        return self.m + self.gain(k) * (xt - self.schedule.abar[k].item() ** 0.5 * self.m)

    def law(self, times: list[int], variance: str) -> tuple[float, float]:
        """Mean and variance of the sampler's output from x_T ~ N(0, 1), by an exact recursion.

        variance: of each step, "tilde" (the posterior's), "beta" (the forward jump's) or "none" (ddim).
        """
        abar = self.schedule.abar.tolist()
        mean, var = 0.0, 1.0
        for t, s in pairwise(times):
            gain, offset = self.gain(t), self.m * (1 - self.gain(t) * abar[t] ** 0.5)
            alpha = abar[t] / abar[s]
            beta = 1 - alpha
            if variance == "none":  # x_s = sqrt(abar_s) x0 + sqrt(1 - abar_s) eps, eps implied
                on_xt = ((1 - abar[s]) / (1 - abar[t])) ** 0.5
                on_x0 = abar[s] ** 0.5 - on_xt * abar[t] ** 0.5
                noise = 0.0
            else:
                on_xt = alpha**0.5 * (1 - abar[s]) / (1 - abar[t])
                on_x0 = abar[s] ** 0.5 * beta / (1 - abar[t])
                noise = beta * (1 - abar[s]) / (1 - abar[t]) if variance == "tilde" else beta
                noise = 0.0 if s == 0 else noise
            mean = (on_xt + on_x0 * gain) * mean + on_x0 * offset
            var = (on_xt + on_x0 * gain) ** 2 * var + noise
        return mean, var


def well_nested(text: str) -> bool:
    """Whether all tags of a piece of HTML are closed in the right order."""
    opened, sound = [], []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            opened.append(tag)

        def handle_endtag(self, tag):
            sound.append(bool(opened) and opened.pop() == tag)

    Reader().feed(text)
    return all(sound) and not opened
