"""Pictures as latents: an autoencoder, and data for a denoiser that works in its latents.

    paint = pretrained_autoencoder("emoji")
    draw = checkpoints.pretrained("emoji").guided(["red heart"] * 4, 2.0)
    z = last(sample(draw, torch.randn(4, 4, 8, 8), draw.schedule.times(20), ddim)).xt
    images = paint.decode(z)  # (4, 3, 32, 32)

Rombach et al. 2022 (latent diffusion).
"""

import copy
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from .. import checkpoints, checks
from ..data import Batch, rows
from ..gaussian import Gaussian, per_example
from ..nets import SiLU, norm, set_memory_format, zero
from ..training import rate

KL, ABSOLUTE = 1e-6, 0.1  # weights in the loss of an autoencoder, beside the mean squared error


class Residual(nn.Module):
    """Two convolutions around a skip."""

    def __init__(self, c: int):
        super().__init__()
        self.norm1, self.conv1 = norm(c), nn.Conv2d(c, c, 3, padding=1)
        self.norm2, self.conv2 = norm(c), zero(nn.Conv2d(c, c, 3, padding=1))
        self.act = SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, H, W) -> (B, c, H, W)."""
        return x + self.conv2(self.act(self.norm2(self.conv1(self.act(self.norm1(x))))))


class Autoencoder(nn.Module):
    """A VAE of convolutions between pictures (B, channels, H, W) and latents (B, latent, H/4, W/4).

    H and W are multiples of 4.  widths: at half and at a quarter of the size.  Neighbouring pixels, 2x2, go
    in and come out as channels.  Latents are shifted and scaled so that each channel has mean 0 and variance
    1 over the pictures it was trained on: what a schedule expects of data.
    """

    def __init__(self, channels: int = 3, latent: int = 4, widths: tuple[int, int] = (48, 80)):
        super().__init__()
        self.config: dict[str, Any] = {"channels": channels, "latent": latent, "widths": list(widths)}
        a, b = widths
        self.encoder = nn.Sequential(
            *(nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, a, 3, padding=1), Residual(a)),
            *(nn.Conv2d(a, b, 3, stride=2, padding=1), Residual(b)),
            *(norm(b), SiLU(), nn.Conv2d(b, 2 * latent, 1)),
        )
        self.decoder = nn.Sequential(
            *(nn.Conv2d(latent, b, 1), Residual(b)),
            *(nn.Upsample(scale_factor=2), nn.Conv2d(b, a, 3, padding=1), Residual(a), Residual(a)),
            *(norm(a), SiLU(), nn.Conv2d(a, 4 * channels, 3, padding=1), nn.PixelShuffle(2)),
        )
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.zeros(latent, 1, 1))
        self.register_buffer("scale", torch.ones(latent, 1, 1))
        set_memory_format(self)

    def latents(self, x0: Tensor) -> tuple[int, ...]:
        """The shape of the latents of pictures (B, C, H, W)."""
        return len(x0), self.config["latent"], x0.shape[2] // 4, x0.shape[3] // 4

    def encode(self, x0: Tensor) -> Gaussian:
        """q(z | x_0) for pictures (B, C, H, W) in [-1, 1]: mean and variance (B, latent, H/4, W/4)."""
        checks.data(x0, "x0")
        if x0.ndim != 4 or x0.shape[1] != self.config["channels"] or x0.shape[2] % 4 or x0.shape[3] % 4:
            raise ValueError(
                f"pictures must have shape (B, {self.config['channels']}, H, W) with H and W multiples of 4, "
                f"got {tuple(x0.shape)}"
            )
        return self._encode(x0)

    def _encode(self, x0: Tensor) -> Gaussian:
        mean, log_var = self.encoder(x0).float().chunk(2, 1)  # also under autocast
        return Gaussian((mean - self.shift) / self.scale, log_var.clamp(-14, 14).exp() / self.scale**2)

    def decode(self, z: Tensor) -> Tensor:
        """The pictures of latents (B, latent, h, w): (B, C, 4h, 4w), clamped to [-1, 1]."""
        checks.batch(z, "z")
        if z.ndim != 4 or z.shape[1] != self.config["latent"]:
            raise ValueError(
                f"latents must have shape (B, {self.config['latent']}, h, w), got {tuple(z.shape)}"
            )
        return self._decode(z).clamp(-1, 1)

    def _decode(self, z: Tensor) -> Tensor:
        return self.decoder(z * self.scale + self.shift).float()

    def loss(self, x0: Tensor, noise: Tensor) -> Tensor:
        """Mean squared and absolute error of the reconstruction, and a little of the KL divergence: (B,).

        x0: (B, C, H, W); noise: like a latent.  Far less KL than the bound has: pictures stay sharp, and
        latents are only kept from drifting apart.
        """
        q = self._encode(x0)
        off = self._decode(q.sample(noise)) - x0
        prior = Gaussian(torch.zeros_like(q.mean), 1.0)
        return per_example(off**2 + ABSOLUTE * off.abs()) / off[0].numel() + KL * q.kl(prior)

    @torch.no_grad()
    def settle(self, x0: Tensor) -> None:
        """Shift and scale latents so that those of the pictures x0 have mean 0 and variance 1, by channel."""
        z = torch.cat([self._encode(part).mean for part in x0.split(500)])
        z = z * self.scale + self.shift
        self.shift.copy_(z.mean((0, 2, 3))[:, None, None])
        self.scale.copy_(z.std((0, 2, 3))[:, None, None])


class Plan(NamedTuple):
    """How an autoencoder is trained: the rate at its highest, and how slowly the average forgets.

    bf16: multiply in bfloat16 where torch.autocast does.
    """

    images: int
    batch: int = 64
    lr: float = 2e-3
    ema: float = 0.998
    seed: int = 0
    bf16: bool = False


class Fitted(NamedTuple):
    """One step of `fit`: pictures seen so far, and the losses of this batch."""

    images: int
    losses: Tensor  # (B,)


def fit(autoencoder: Autoencoder, x0: Tensor, plan: Plan) -> Iterator[Fitted]:
    """Train on pictures x0 (N, C, H, W), mirrored half of the times, and yield every step.

    At every moment `autoencoder` holds the average of the weights; at the end it is settled on x0.
    TypeError or ValueError for bad input, here and now.
    """
    checks.whole(plan.images, "images", 1)
    checks.whole(plan.batch, "batch", 1)
    checks.real(plan.lr, "lr", 0, math.inf)
    autoencoder.encode(x0[:2])
    return _fit(autoencoder, x0, plan)


def _fit(average: Autoencoder, x0: Tensor, plan: Plan) -> Iterator[Fitted]:
    online, device = copy.deepcopy(average).train(), x0.device
    set_memory_format(online, plan.bf16)
    optimizer = torch.optim.Adam(online.parameters(), betas=(0.9, 0.99), fused=True)
    g, feed = torch.Generator(device).manual_seed(plan.seed), rows(Batch(x0), plan.batch, plan.seed)
    seen = steps = 0
    while seen < plan.images:
        x = next(feed).x0
        x = torch.where(torch.rand(len(x), 1, 1, 1, generator=g, device=device) < 0.5, x.flip(-1), x)
        noise = torch.randn(online.latents(x), generator=g, device=device)
        for group in optimizer.param_groups:
            group["lr"] = plan.lr * rate(seen / plan.images)
        with torch.autocast(device.type, torch.bfloat16, enabled=plan.bf16, cache_enabled=False):
            losses = online.loss(x, noise)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
        seen, steps = seen + len(x), steps + 1
        follow = get_ema_multi_avg_fn(min(plan.ema, steps / (steps + 9)))
        follow(list(average.parameters()), list(online.parameters()), torch.tensor(steps))
        if seen >= plan.images:
            average.settle(x0)
        yield Fitted(seen, losses.detach())


class Captioned:
    """Pictures or latents with words, for `train`: other draws, sides and words whenever one is seen.

    q: the distribution of each, (N, C, H, W), such as `encoded` latents; mirrored: of the mirrored ones, None
    for none; texts: numbers of words, (N, L), -1 for none, several such if there are several texts to each;
    a word is left out with probability `left_out`, so that a part of a text comes to mean something too.
    Without texts there are no labels.
    """

    def __init__(
        self, q: Gaussian, mirrored: Gaussian | None, texts: Sequence[Tensor], left_out: float = 0.1
    ):
        sides = [q] if mirrored is None else [q, mirrored]
        self.means = torch.stack([side.mean for side in sides], 1)  # (N, 1 or 2, C, H, W)
        self.deviations = torch.stack([side.var**0.5 + 0 * side.mean for side in sides], 1)
        none = torch.full((len(q.mean), 1), -1)
        self.texts = torch.stack(checks.as_wide(*(texts or [none])), 1)  # (N, how many, L)
        self.worded, self.left_out = bool(texts), checks.share(left_out, "left_out")

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.means)

    @property
    def digest(self) -> str:
        """How many there are, and a checksum."""
        return f"{len(self)} pictures with words ({checks.digest(self.means, self.texts)})"

    @property
    def reach(self) -> float:
        """A value that none exceeds, but one draw in a million: nothing is lost by a clip at this."""
        return math.ceil(10 * float((self.means.abs() + 5 * self.deviations).max())) / 10

    def batches(self, size: int, seed: int, seen: int) -> Iterator[Batch]:
        """Batches of them and of their words, without end; they begin with the picture number `seen`."""
        for now, *_ in rows(Batch(torch.arange(len(self))), size, seed, seen):
            die = torch.Generator().manual_seed(seed * 1_000_003 + seen)
            side, text = (torch.randint(x.shape[1], (size,), generator=die) for x in (self.means, self.texts))
            x0 = self.means[now, side]
            x0 = x0 + self.deviations[now, side] * torch.randn(x0.shape, generator=die)
            words = self.texts[now, text]
            words = torch.where(torch.rand(words.shape, generator=die) < self.left_out, -1, words)
            yield Batch(x0, words if self.worded else None)
            seen += size


def encoded(autoencoder: Autoencoder, x0: Tensor) -> Gaussian:
    """q(z | x_0) of many pictures, a few at a time on the autoencoder's device; itself on that of x0."""
    device = next(autoencoder.parameters()).device
    with torch.no_grad():
        parts = [autoencoder.encode(part.to(device)) for part in x0.split(500)]
    mean, var = (torch.cat([torch.as_tensor(part) for part in both]) for both in zip(*parts, strict=True))
    return Gaussian(mean.to(x0.device), var.to(x0.device))


def save_autoencoder(autoencoder: Autoencoder, path: str | Path, half: bool = False, **card: Any) -> None:
    """Write an autoencoder to `path`, atomically, with its card; half: in float16."""
    tensors = {k: t.half() if half else t for k, t in autoencoder.state_dict().items()}
    checkpoints.write_tensors(path, tensors, {"args": autoencoder.config, "card": card})


def load_autoencoder(path: str | Path) -> Autoencoder:
    """The autoencoder in a file that `save_autoencoder` wrote, in float32, in eval mode.

    FileNotFoundError, or ValueError for a file that is damaged or holds none.
    """
    tensors, config = checkpoints.read_tensors(path)
    try:
        return checkpoints.rebuild(Autoencoder, config["args"], tensors).eval()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} holds no autoencoder that this version can build: {error}") from None


def pretrained_autoencoder(name: str) -> Autoencoder:
    """The autoencoder that ships as `name`, such as "emoji".  ValueError for another name lists them all."""
    return load_autoencoder(checkpoints.shipped(name, "autoencoder"))
