"""The same work done by this package and by three others: one class each, with the same interface.

widths: for each kind of picture, by its shape (C, H, W), the width of the first level and the factors of all
levels, as close to ours as the package allows (smalldiffusion's group norm needs multiples of 32).  Networks
of the same widths differ in FLOPs, so ours can also be made as large as another.  net: the network.
start(x0, plan): returns a function that takes one training step as that package writes it.  finish(): sample
from the averaged weights from now on.  walk(n, steps): n images by the package's own sampler, through all T
times or fewer.
"""

import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import ddpm_core
from ddpm_core import Denoiser, Eps, UNet, V, cosine

BATCH = 64
Shape = tuple[int, int, int]  # (C, H, W)
Widths = dict[Shape, tuple[int, tuple[int, ...]]]
SMALL, DIGITS, COLOUR, LATENTS = (1, 8, 8), (1, 28, 28), (3, 32, 32), (4, 8, 8)


def batch(x0: Tensor) -> Tensor:
    """A random batch of the data, or the data themselves if they have a batch's size."""
    return x0 if len(x0) == BATCH else x0[torch.randint(len(x0), (BATCH,))]


class Empty(ModuleType):
    """A module in which every name is a class that does nothing."""

    def __init__(self, name: str):
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        made = type(name, (nn.Module,), {"__init__": lambda self, *_, **__: nn.Module.__init__(self)})
        return sys.modules.get(f"{self.__name__}.{name}", made)


def stand_in() -> None:
    """Where torchvision isn't there, or was built for another torch, put empty modules in its place.

    Two of the other packages import it, to read pictures and for a metric; neither is measured here.
    """
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):  # "operator torchvision::nms does not exist"
        for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("", ".transforms", ".utils", ".models", ".models.inception", ".models.utils"):
            sys.modules[f"torchvision{name}"] = Empty(f"torchvision{name}")


stand_in()


class Plan(NamedTuple):
    """The settings of a training run; not every package supports all of them.

    min_snr: the limit of an error's weight (Hang et al. 2023); v: the network predicts v instead of the noise
    (Salimans & Ho 2022).
    """

    lr: float = 1e-3
    steps: int = 10**9  # in total
    min_snr: float | None = None
    v: bool = False


STEP = Plan()


class Ours:
    """ddpm_core, with the widths of the weights that ship, or with another package's."""

    widths: ClassVar[Widths] = {
        SMALL: (16, (1, 4)),
        DIGITS: (16, (1, 3, 6)),
        COLOUR: (24, (1, 2, 4, 6)),
        LATENTS: (48, (1, 4)),
    }

    def __init__(self, shape: Shape, T: int, net: nn.Module | None = None, widths: Widths = widths):
        width, mults = widths[shape]
        self.shape, self.net = shape, net or UNet(shape[0], width=width, mults=mults)
        self.denoiser = Denoiser(self.net, cosine(T), Eps(), clip=1.0)

    @classmethod
    def as_large(cls, other: object, shape: Shape, T: int) -> "Ours":
        """Ours with its lowest level widened until a pass takes about as many FLOPs as the other's."""
        (width, (*upper, lowest)), wanted = cls.widths[shape], flops(other, shape)
        nets = (UNet(shape[0], width=width, mults=(*upper, m)) for m in range(lowest, 5 * lowest))
        return min((cls(shape, T, net) for net in nets), key=lambda peer: abs(flops(peer, shape) - wanted))

    def start(self, x0: Tensor, plan: Plan = STEP) -> Callable[[], object]:
        """A training step, including the average of the weights."""
        if plan.v:
            self.denoiser = Denoiser(self.net, self.denoiser.schedule, V(), clip=1.0)
        images, seed = BATCH * plan.steps, int(torch.randint(1 << 30, ()))
        setting = {"lr": plan.lr, "extras": ddpm_core.Extras(min_snr=plan.min_snr), "seed": seed}
        run = ddpm_core.train(self.denoiser, x0, images=images, batch=BATCH, **setting)
        return lambda: next(run)

    def finish(self) -> None:
        """Nothing to do: the denoiser already has the averaged weights."""

    def walk(self, n: int, steps: int | None = None) -> Tensor:
        """Sample n."""
        times = self.denoiser.schedule.times(steps)
        for frame in ddpm_core.sample(self.denoiser, torch.randn(n, *self.shape), times):
            last = frame.xt  # frames aren't kept, as with the others
        return last

    def forward(self, x: Tensor) -> Tensor:
        """The network alone."""
        return self.net(x, torch.full((1,), 500).expand(len(x)))


class Diffusers:
    """Hugging Face diffusers: UNet2DModel and DDPMScheduler, with the loop of its documentation."""

    widths: ClassVar[Widths] = Ours.widths

    def __init__(self, shape: Shape, T: int, net: nn.Module | None = None):
        from diffusers import DDPMScheduler

        self.shape, self.net = shape, net or self.unet(shape, *self.widths[shape])
        self.scheduler = DDPMScheduler(num_train_timesteps=T, beta_schedule="squaredcos_cap_v2")
        self.scheduler.set_timesteps(T)

    @staticmethod
    def unet(shape: Sequence[int], width: int, mults: Sequence[int]) -> nn.Module:
        """Its U-Net for pictures of this shape (C, H, W)."""
        from diffusers import UNet2DModel

        return UNet2DModel(
            sample_size=shape[-1],
            in_channels=shape[0],
            out_channels=shape[0],
            layers_per_block=1,
            block_out_channels=tuple(width * m for m in mults),
            down_block_types=("DownBlock2D",) * len(mults),
            up_block_types=("UpBlock2D",) * len(mults),
            norm_num_groups=8,
            add_attention=False,
        )

    def start(self, x0: Tensor, plan: Plan = STEP) -> Callable[[], object]:
        """A training step as in its tutorial: AdamW, warm-up and decay of the rate, its EMAModel."""
        from diffusers.optimization import get_cosine_schedule_with_warmup
        from diffusers.training_utils import EMAModel, compute_snr

        if plan.v:
            self.scheduler.register_to_config(prediction_type="v_prediction")

        optimizer = torch.optim.AdamW(self.net.parameters(), lr=plan.lr)
        rate = get_cosine_schedule_with_warmup(optimizer, plan.steps // 20, plan.steps)
        self.average = EMAModel(self.net.parameters(), decay=0.999, use_ema_warmup=True, power=0.75)

        def step() -> None:
            clean = batch(x0)
            noise = torch.randn_like(clean)
            t = torch.randint(0, self.scheduler.config.num_train_timesteps, (len(clean),))
            out = self.net(self.scheduler.add_noise(clean, noise, t), t).sample
            target = self.scheduler.get_velocity(clean, noise, t) if plan.v else noise
            if plan.min_snr is None:
                loss = nn.functional.mse_loss(out, target)
            else:  # as in its text-to-image example
                snr = compute_snr(self.scheduler, t)
                square = nn.functional.mse_loss(out, target, reduction="none").mean((1, 2, 3))
                loss = (snr.clamp(max=plan.min_snr) / (snr + 1 if plan.v else snr) * square).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
            self.average.step(self.net.parameters())

        return step

    def finish(self) -> None:
        """Copy the averaged weights into the network."""
        self.average.copy_to(self.net.parameters())

    @torch.no_grad()
    def walk(self, n: int, steps: int | None = None) -> Tensor:
        """Sample n."""
        self.scheduler.set_timesteps(steps or self.scheduler.config.num_train_timesteps)
        x = torch.randn(n, *self.shape)
        for t in self.scheduler.timesteps:
            out = self.net(x, t)
            x = self.scheduler.step(getattr(out, "sample", out), t, x).prev_sample
        return x

    def forward(self, x: Tensor) -> Tensor:
        """The network alone."""
        return self.net(x, 500).sample


class Lucidrains:
    """denoising-diffusion-pytorch: Unet and GaussianDiffusion, with the step of its Trainer."""

    widths: ClassVar[Widths] = {
        SMALL: (24, (1, 2)),
        DIGITS: (32, (1, 2, 2)),
        COLOUR: (32, (1, 2, 2, 4)),
        LATENTS: (48, (1, 4)),
    }

    def __init__(self, shape: Shape, T: int, net: nn.Module | None = None):
        from denoising_diffusion_pytorch import GaussianDiffusion, Unet

        self.shape = shape
        if net is None:
            width, mults = self.widths[shape]
            net = Unet(width, dim_mults=mults, channels=shape[0])
        else:
            net.channels = net.out_dim = shape[0]
            net.self_condition = net.random_or_learned_sinusoidal_cond = False
        self.net = net
        self.diffusion = GaussianDiffusion(
            net, image_size=shape[-1], timesteps=T, objective="pred_noise", beta_schedule="cosine"
        )

    def start(self, x0: Tensor, plan: Plan = STEP) -> Callable[[], object]:
        """The step of its Trainer: loss, clipped gradient, Adam, EMA."""
        from ema_pytorch import EMA

        if plan.v:
            self.diffusion.objective = "pred_v"
        snr = self.diffusion.alphas_cumprod / (1 - self.diffusion.alphas_cumprod)
        counted = snr if plan.min_snr is None else snr.clamp(max=plan.min_snr)
        self.diffusion.loss_weight.copy_(counted / (snr + 1 if plan.v else snr))  # as in its constructor
        optimizer = torch.optim.Adam(self.diffusion.parameters(), lr=plan.lr, betas=(0.9, 0.99))
        self.average = EMA(self.diffusion, beta=0.995, update_every=10)

        def step() -> None:
            self.diffusion(batch(x0) / 2 + 0.5).backward()
            nn.utils.clip_grad_norm_(self.diffusion.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            self.average.update()

        return step

    def finish(self) -> None:
        """Replace the model by the averaged one."""
        self.diffusion = self.average.ema_model

    def walk(self, n: int, steps: int | None = None) -> Tensor:
        """Sample n; for fewer than T steps, by its DDIM with eta = 1, which is the ancestral step."""
        shape = n, *self.shape
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            if steps is None:
                return self.diffusion.p_sample_loop(shape) * 2 - 1
            self.diffusion.sampling_timesteps, self.diffusion.ddim_sampling_eta = steps, 1.0
            return self.diffusion.ddim_sample(shape) * 2 - 1

    def forward(self, x: Tensor) -> Tensor:
        """The network alone."""
        return self.net(x, torch.full((len(x),), 500))


class Small:
    """smalldiffusion: Unet, the body of its training loop, and its sampler set to DDPM."""

    widths: ClassVar[Widths] = {
        SMALL: (32, (1, 2)),
        DIGITS: (32, (1, 1, 2)),
        COLOUR: (32, (1, 1, 2, 4)),
        LATENTS: (64, (1, 3)),
    }

    def __init__(self, shape: Shape, T: int, net: nn.Module | None = None):
        from smalldiffusion import ScheduleDDPM
        from smalldiffusion.model import ModelMixin
        from smalldiffusion.model_unet import Unet

        if net is None:
            (width, mults), (channels, size) = self.widths[shape], shape[:2]
            setting = {"ch": width, "ch_mult": mults, "num_res_blocks": 1}
            net = Unet(size, channels, channels, **setting, attn_resolutions=(), dropout=0.0)
        else:
            trivial = net
            net = type(
                "Trivial", (nn.Module, ModelMixin), {"forward": lambda _, x, s, cond=None: trivial(x, s)}
            )()
            net.input_dims = shape
        self.net, self.schedule = net, ScheduleDDPM(T)

    def start(self, x0: Tensor, plan: Plan = STEP) -> Callable[[], object]:
        """The body of its training_loop, with the averaging by ema_pytorch as in its examples."""
        from ema_pytorch import EMA
        from smalldiffusion import generate_train_sample

        optimizer = torch.optim.AdamW(self.net.parameters(), lr=plan.lr)
        self.average = EMA(self.net, beta=0.9999, update_every=10)

        def step() -> None:
            optimizer.zero_grad()
            clean, sigma, eps, _ = generate_train_sample(batch(x0), self.schedule)
            self.net.get_loss(clean, sigma, eps).backward()
            optimizer.step()
            self.average.update()

        return step

    def finish(self) -> None:
        """Replace the network by the averaged one."""
        self.net = self.average.ema_model

    def walk(self, n: int, steps: int | None = None) -> Tensor:
        """Sample n."""
        from smalldiffusion import samples

        sigmas = self.schedule.sample_sigmas(steps or len(self.schedule))
        *_, last = samples(self.net, sigmas, gam=1, mu=0.5, batchsize=n)
        return last

    def forward(self, x: Tensor) -> Tensor:
        """The network alone."""
        return self.net(x, torch.tensor(1.0))


PEERS = {"ddpm_core": Ours, "diffusers": Diffusers, "lucidrains": Lucidrains, "smalldiffusion": Small}


def flops(peer: object, shape: Shape) -> int:
    """Floating-point operations of one forward pass for one image."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        peer.forward(torch.randn(2, *shape))
    return counter.get_total_flops() // 2


def weights(net: nn.Module) -> int:
    """The number of trained parameters."""
    return sum(p.numel() for p in net.parameters())
