"""The same network outputs and noise through our walks and diffusers' schedulers: the states must agree.

Their time k is our k + 1, so with timestep_spacing="trailing" both visit the same times.  Conventions differ
in three places, and the rows say so:
- By default DDIMScheduler's times are "leading": with 20 steps of 1,000 it starts at our 951, not at T.  As
  `times`, they give the same states.
- With clip_sample, it keeps the noise that the unclipped estimate implies; ours is what the clipped one
  implies, as with use_clipped_model_output=True.
- FlowMatchEulerDiscreteScheduler's sigmas are even from 1 to 1/1,000, and then 0, so they aren't on our
  whole times; they are levels of a `Schedule` of their own.  And its network sees x_t itself, ours x_t scaled
  to variance 1.
"""

import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import torch
from torch import Tensor

from ddpm_core import Eps, Flow, Schedule, V, cosine, dpm_2m, eta, linear, sample, straight
from ddpm_core.prediction import Prediction
from ddpm_core.sampling import Frame

STEPS, CLOSE = 20, 1e-5
KINDS = {"epsilon": Eps(), "v_prediction": V()}
SCHEDULES = {"linear": linear(), "cosine": cosine()}


def network(xt: Tensor, t: int) -> Tensor:
    """An output that depends on x_t and t, of about the size of noise."""
    return 1.5 * torch.sin(3 * xt + t / 200)


class Told:
    """What `sample` asks: the estimate of x_0 that the network's output stands for."""

    def __init__(self, schedule: Schedule, kind: Prediction, clip: float = math.inf):
        self.schedule, self.kind, self.clip = schedule, kind, clip

    def __call__(self, xt: Tensor, t: Tensor) -> Tensor:
        """The estimate of x_0: (B, ...)."""
        k = int(t[0])
        s, now = self.schedule.at(k - 1), self.schedule.at(k)
        return self.kind.x0(network(xt, k), xt, s, now).clamp(-self.clip, self.clip)


def parity(rounds: int) -> Iterator[dict[str, object]]:
    """Differences of states, as shares of the largest.  AssertionError above 1e-5.  rounds: not used."""
    for name, schedule in SCHEDULES.items():
        for kind in KINDS:
            for strength in (0.0, 0.5, 1.0):
                for spacing in ("trailing", "leading"):
                    yield _row("DDIM", schedule, name, kind, spacing, strength)
            yield _row("DPM-Solver++ 2M", schedule, name, kind, "trailing", None)
    yield from _clipped()
    yield from _flow()


def _row(
    what: str, schedule: Schedule, name: str, kind: str, spacing: str, strength: float | None
) -> dict[str, object]:
    theirs = _ddim(schedule, kind, spacing) if strength is not None else _dpm(schedule, kind)
    ours, x_T = Told(schedule, KINDS[kind]), _x_T()
    times = [*(k + 1 for k in theirs.timesteps.tolist()), 0]
    if strength is None:
        gap = _gap(dpm_2m(ours, x_T, times), theirs)
    else:
        gap = _gap(sample(ours, x_T, times, eta(strength), _generator()), theirs, eta=strength)
    return _same(
        {"scheduler": what, "schedule": name, "output": kind, "eta": strength, "from": times[0]}, gap
    )


def _clipped() -> Iterator[dict[str, object]]:
    """With clipped estimates DDIM agrees only if the noise is taken from what was clipped."""
    schedule = linear()
    for recomputed in (True, False):
        theirs = _ddim(schedule, "epsilon", "trailing", clip_sample=True)
        ours = sample(Told(schedule, Eps(), 1.0), _x_T(), schedule.times(STEPS), eta(0.0), _generator())
        gap = _gap(ours, theirs, use_clipped_model_output=recomputed)
        row = {"scheduler": "DDIM, clipped", "schedule": "linear", "use_clipped_model_output": recomputed}
        if recomputed:
            yield _same(row, gap)
        else:
            assert gap > 0.01, f"expected another convention, but the states agree: {gap:.1e}"
            yield row | {"gap": gap, "agrees": "no: theirs keeps the noise of the unclipped estimate"}


def _flow() -> Iterator[dict[str, object]]:
    from diffusers import FlowMatchEulerDiscreteScheduler

    theirs = FlowMatchEulerDiscreteScheduler()
    theirs.set_timesteps(STEPS)
    sigma = theirs.sigmas.double().flip(0)  # with 0
    for name, schedule in (
        ("straight", straight()),
        ("their sigmas", Schedule(signal=1 - sigma, noise=sigma)),
    ):
        times = schedule.times(STEPS)
        theirs.set_timesteps(sigmas=[schedule.at(t).noise for t in times[:-1]])
        rule = eta(0.0)
        gap = _gap(sample(Told(schedule, Flow()), _x_T(), times, rule), theirs)
        yield _same({"scheduler": "flow, Euler", "schedule": name}, gap)


def _ddim(schedule: Schedule, kind: str, spacing: str, clip_sample: bool = False) -> object:
    from diffusers import DDIMScheduler

    betas = schedule.betas[1:].numpy()
    theirs = DDIMScheduler(
        trained_betas=betas, prediction_type=kind, timestep_spacing=spacing, clip_sample=clip_sample
    )
    theirs.alphas_cumprod = schedule.abar[1:]  # float64: theirs rounds them to float32
    theirs.set_timesteps(STEPS)
    return theirs


def _dpm(schedule: Schedule, kind: str) -> object:
    from diffusers import DPMSolverMultistepScheduler

    theirs = DPMSolverMultistepScheduler(
        trained_betas=schedule.betas[1:].numpy(), prediction_type=kind, timestep_spacing="trailing"
    )
    theirs.alphas_cumprod = schedule.abar[1:]
    theirs.set_timesteps(STEPS)
    return theirs


def _gap(frames: Iterable[Frame], theirs: object, **how: object) -> float:
    """The largest difference of a state, as a share of the largest state."""
    frames = list(frames)
    x, gap = frames[0].xt, 0.0
    for (before, after), k in zip(pairwise(frames), theirs.timesteps, strict=True):
        drawn = {"variance_noise": after.noise} if "eta" in how else {}
        x = theirs.step(network(before.xt, before.t), k, x, **how, **drawn).prev_sample
        gap = max(gap, ((x - after.xt).abs().max() / after.xt.abs().max()).item())
    return gap


def _same(row: dict[str, object], gap: float) -> dict[str, object]:
    assert gap < CLOSE, f"{row}: states differ by {gap:.1e} of the largest"
    return row | {"gap": gap, "agrees": "yes"}


def _x_T() -> Tensor:
    return torch.randn(64, 4, generator=_generator(), dtype=torch.float64)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
