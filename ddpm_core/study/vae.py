"""VAE, hierarchical VAE and DDPM as one model: a chain of latents, an encoder and a decoder.

    picture, latent = (1, 8, 8), (16,)
    shapes = [picture, latent, latent]
    hvae = HVAE(LearnedEncoder(shapes), LearnedDecoder(shapes), shapes, levels=17)

    shapes = [picture] * (schedule.T + 1)
    ddpm = HVAE(FixedEncoder(schedule), LearnedDecoder(shapes), shapes, levels=17)

With one latent it is a VAE.  The encoder is written from the top down, q(x_T | x_0) q(x_{T-1} | x_T, x_0) ...
q(x_1 | x_2, x_0), as a DDPM's is (Ho et al. 2020, eq. 5) and as Sonderby et al. 2016 do for a learned one.
Then every term of the bound except the reconstruction is a KL divergence between two Gaussians.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from .. import checks
from ..denoiser import Denoiser
from ..elbo import Term
from ..gaussian import Gaussian, per_example
from ..process import Reverse, posterior, posterior_beta
from ..schedule import Schedule

Shape = tuple[int, ...]
Noise = Mapping[int, Tensor]  # t -> (B, ...) for t = 1..T
LOG_VAR = 14.0  # log variances are clamped to +- this: standard deviations from 1/1000 to 1000


class Encoder(Protocol):
    """q(x_1 ... x_T | x_0), from the top down.  `T`: the number of latents."""

    T: int

    def top(self, x0: Tensor) -> Gaussian:
        """q(x_T | x_0)."""

    def step(self, x0: Tensor, xt: Tensor, t: int) -> Gaussian:
        """q(x_{t-1} | x_t, x_0), for t = T..2."""


class Decoder(Protocol):
    """p(x_{t-1} | x_t) for t = T..1; for t = 1 it is over the pixels.  `T`: the number of latents."""

    T: int

    def __call__(self, xt: Tensor, t: int) -> Gaussian:
        """p(x_{t-1} | x_t)."""


class State(NamedTuple):
    """One latent of an encoded picture: its time t, its posterior q, and a sample x_t of it."""

    t: int
    q: Gaussian
    xt: Tensor


class HVAE(nn.Module):
    """p(x_T) p(x_{T-1} | x_T) ... p(x_0 | x_1) with p(x_T) = N(0, I), and an encoder of x_1 ... x_T.

    shapes: of x_0, x_1 ... x_T, without the batch: entry t belongs to x_t.  levels: grey levels of the data.
    Methods take the noise as an argument: a mapping {t: (B, *shapes[t])} for t = 1..T, as `noise` draws it.
    ValueError if encoder, decoder and shapes don't agree on T.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, shapes: Sequence[Shape], levels: int):
        super().__init__()
        self.shapes, self.levels = _shapes(shapes), checks.whole(levels, "levels", 2)
        if not encoder.T == decoder.T == self.T:
            raise ValueError(
                f"encoder, decoder and shapes must have one T, got {encoder.T}, {decoder.T} and {self.T} "
                f"({len(self.shapes)} shapes, that of x_0 included)"
            )
        self.encoder, self.decoder = encoder, decoder

    @property
    def T(self) -> int:
        """The number of latents."""
        return len(self.shapes) - 1

    def noise(self, batch: int, generator: torch.Generator | None = None) -> dict[int, Tensor]:
        """Standard normal noise for a batch, drawn from x_T down, on the generator's device."""
        device = None if generator is None else generator.device
        times = range(self.T, 0, -1)
        return {t: torch.randn(batch, *self.shapes[t], generator=generator, device=device) for t in times}

    def encode(self, x0: Tensor, noise: Noise) -> Iterator[State]:
        """Draw x_T ... x_1 for pictures x0 (B, ...) from the encoder: T states."""
        self._check(checks.data(x0, "x0"), 0, len(x0))
        self._check_noise(noise, self.T, len(x0))
        return self._encode(x0, noise)

    def _encode(self, x0: Tensor, noise: Noise) -> Iterator[State]:
        q = self.encoder.top(x0)
        for t in range(self.T, 0, -1):
            xt = q.sample(noise[t])
            yield State(t, q, xt)
            if t > 1:
                q = self.encoder.step(x0, xt, t)

    def terms(self, x0: Tensor, noise: Noise) -> Iterator[Term]:
        """The terms of the bound on -log p(x_0), L_T down to L_0, in nats, for `elbo.bound` to add up.

        x0: (B, ...) on its grey levels, so that L_0 is minus the log of a probability.
        """
        return self._terms(x0, self.encode(x0, noise))

    def _terms(self, x0: Tensor, states: Iterator[State]) -> Iterator[Term]:
        p = Gaussian(x0.new_zeros(1, *self.shapes[-1]), 1.0)
        for t, q, xt in states:
            yield Term(t, q.kl(p))
            p = self.decoder(xt, t)
        yield Term(0, -p.log_mass(x0, self.levels))

    def decode(self, xt: Tensor, t: int, noise: Noise) -> Iterator[Tensor]:
        """Draw x_{t-1} ... x_1 given x_t (B, ...) from the decoder; yields x_t, these, and the mean of x_0.

        noise: for 1..t-1; further entries are ignored.
        """
        t = checks.whole(t, "t", 1, self.T)
        self._check(checks.batch(xt, f"x_{t}"), t, len(xt))
        self._check_noise(noise, t - 1, len(xt))
        return self._decode(xt, t, noise)

    def _decode(self, xt: Tensor, t: int, noise: Noise) -> Iterator[Tensor]:
        yield xt
        for s in range(t - 1, 0, -1):
            xt = self.decoder(xt, s + 1).sample(noise[s])
            yield xt
        yield self.decoder(xt, 1).mean

    def generate(self, noise: Noise) -> Iterator[Tensor]:
        """`decode` from the prior: noise[T] is x_T.  Yields x_T ... x_1 and the mean of x_0."""
        self._check_noise(noise, self.T, len(noise.get(self.T, ())))
        return self.decode(noise[self.T], self.T, noise)

    def _check(self, x: Tensor, t: int, batch: int) -> None:
        if x.shape != (wanted := (batch, *self.shapes[t])):
            raise ValueError(f"what belongs to x_{t} must have shape {wanted}, got {tuple(x.shape)}")

    def _check_noise(self, noise: Noise, highest: int, batch: int) -> None:
        if missing := [t for t in range(1, highest + 1) if t not in noise]:
            raise ValueError(f"noise must have an entry for each of t = 1..{highest}, got none for {missing}")
        for t in range(1, highest + 1):
            self._check(noise[t], t, batch)


class LearnedEncoder(nn.Module):
    """An encoder with a network of one hidden layer for each latent.  shapes: as for HVAE."""

    def __init__(self, shapes: Sequence[Shape], width: int = 256):
        super().__init__()
        self.shapes = _shapes(shapes)
        self.T = len(self.shapes) - 1
        x0, *latents = map(math.prod, self.shapes)
        self.first = perceptron(x0, width, 2 * latents[-1])
        self.nets = nn.ModuleList(perceptron(x0 + xt, width, 2 * xs) for xs, xt in pairwise(latents))

    def top(self, x0: Tensor) -> Gaussian:
        """q(x_T | x_0)."""
        return diagonal(self.first(x0.flatten(1)), self.shapes[-1])

    def step(self, x0: Tensor, xt: Tensor, t: int) -> Gaussian:
        """q(x_{t-1} | x_t, x_0)."""
        both = torch.cat([x0.flatten(1), xt.flatten(1)], 1)  # (B, d_0 + d_t)
        return diagonal(self.nets[t - 2](both), self.shapes[t - 1])


class FixedEncoder:
    """The forward process of a DDPM as an encoder: nothing in it is learned.

    ValueError for a schedule that doesn't end in noise of variance 1, the prior of an `HVAE`.
    """

    def __init__(self, schedule: Schedule):
        if not isinstance(schedule, Schedule):
            raise TypeError(f"schedule must be a Schedule, got {checks.brief(schedule)}")
        if (end := schedule.start(torch.ones(()))) != 1:
            raise ValueError(
                f"an HVAE starts from noise of size 1, but {schedule} ends at {end:g}; take straight()"
            )
        self.schedule, self.T = schedule, schedule.T

    def top(self, x0: Tensor) -> Gaussian:
        """q(x_T | x_0).  Ho et al. 2020, eq. 4."""
        end = self.schedule.at(self.T)
        return Gaussian(end.signal * x0, end.noise**2)

    def step(self, x0: Tensor, xt: Tensor, t: int) -> Gaussian:
        """q(x_{t-1} | x_t, x_0).  Ho et al. 2020, eq. 6, 7."""
        return posterior(x0, xt, self.schedule.at(t - 1), self.schedule.at(t))


class LearnedDecoder(nn.Module):
    """A decoder with a network of one hidden layer for each step, and one learned variance for all pixels.

    Where x_{t-1} has the shape of x_t, the network is residual: its output is added to x_t.
    """

    def __init__(self, shapes: Sequence[Shape], width: int = 256):
        super().__init__()
        self.shapes = _shapes(shapes)
        self.T = len(self.shapes) - 1
        x0, *latents = map(math.prod, self.shapes)
        self.last = perceptron(latents[0], width, x0)
        self.nets = nn.ModuleList(perceptron(xt, width, 2 * xs) for xs, xt in pairwise(latents))
        self.log_var = nn.Parameter(torch.tensor(-2.0))

    def forward(self, xt: Tensor, t: int) -> Gaussian:
        """p(x_{t-1} | x_t), for t = 1 over the pixels."""
        start = xt if self.shapes[t] == self.shapes[t - 1] else 0.0
        if t > 1:
            mean, var = diagonal(self.nets[t - 2](xt.flatten(1)), self.shapes[t - 1])
        else:
            mean = self.last(xt.flatten(1)).unflatten(1, self.shapes[0])
            var = self.log_var.clamp(-LOG_VAR, LOG_VAR).exp()
        return Gaussian(start + mean, var)


class SharedDecoder(nn.Module):
    """The reverse process of a DDPM as a decoder: one network for all t, which estimates x_0.

    reverse: `posterior_beta` or `posterior`, the paper's two; the second ends in a point mass, so it can
    generate but has no bound.
    """

    def __init__(self, denoiser: Denoiser, reverse: Reverse = posterior_beta):
        super().__init__()
        self.denoiser, self.reverse, self.T = denoiser, reverse, denoiser.schedule.T

    def forward(self, xt: Tensor, t: int) -> Gaussian:
        """p(x_{t-1} | x_t).  Ho et al. 2020, section 3.2."""
        schedule = self.denoiser.schedule
        return self.reverse(self.denoiser(xt, t), xt, schedule.at(t - 1), schedule.at(t))


def perceptron(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """A network of one hidden layer."""
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))


def diagonal(out: Tensor, shape: Shape) -> Gaussian:
    """A network's output (B, 2 d) as a Gaussian over (B, *shape): d means, then d log variances, clamped."""
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return Gaussian(mean, log_var.clamp(-LOG_VAR, LOG_VAR).exp())


def linear_elbo(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    """The lower bound on log p(x_0) of a linear VAE, in closed form: (B,) nats.

    p(x_1) = N(0, 1), p(x_0 | x_1) = N(w x_1, noise^2).  x0: (B, 1); mean, var: (B, 1), of the encoder's
    q(x_1 | x_0).  Its exact log p(x_0) is that of N(0, w^2 + noise^2), and the q that reaches it is known.
    """
    spread = per_example(w**2 * var / (2 * noise**2))  # the cost of drawing x_1 with variance var
    reconstruction = Gaussian(w * mean, noise**2).log_prob(x0) - spread
    return reconstruction - Gaussian(mean, var).kl(Gaussian(torch.zeros_like(mean), 1.0))


def _shapes(shapes: Sequence[Shape]) -> list[Shape]:
    listed = [tuple(shape) for shape in shapes]
    if len(listed) < 2 or not all(shape and all(n > 0 for n in shape) for shape in listed):
        raise ValueError(f"shapes must be of x_0, x_1 ... x_T, such as [(1, 8, 8), (16,)], got {listed}")
    return listed
