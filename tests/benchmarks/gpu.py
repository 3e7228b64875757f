"""What `gpu.sh` measures: on a GPU, or for a rehearsal with little of everything on the CPU.

    python tests/benchmarks/gpu.py machine   what it is
    python tests/benchmarks/gpu.py digits    64 MNIST digits in 1,000 steps: plain, in bfloat16, compiled
    python tests/benchmarks/gpu.py speed     images a second, trained and sampled, beside diffusers
    python tests/benchmarks/gpu.py lessons   every lesson: seconds, and the most memory its kernel took

--device cuda is the default.  Each prints a table in Markdown.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import torch
from lessons import every, measured
from peers import Diffusers
from torch import Tensor, nn

from ddpm_core import Denoiser, UNet, V, cosine, ddim, last, pretrained, sample, train
from ddpm_core.speed import fast
from ddpm_core.training import Extras

SHAPES = {  # of what is learned: its size, and the width and factors of the network
    "digits, 28×28": ((1, 28, 28), 64, (1, 2, 2)),
    "pictures, 32×32×3": ((3, 32, 32), 96, (1, 2, 2)),
    "latents, 4×8×8": ((4, 8, 8), 96, (1, 4)),
}


def machine(device: torch.device) -> Iterator[str]:
    """Which it is."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or "CPU"
    yield f"On {name}, torch {torch.__version__}, Python {platform.python_version()}, {os.cpu_count()} cores."


def digits(device: torch.device) -> Iterator[str]:
    """64 digits in 1,000 steps."""
    n, steps = (64, 1000) if device.type == "cuda" else (8, 20)
    net = pretrained("mnist").to(device)
    told = net.given(torch.arange(n, device=device) % 10)
    kinds = {"as it is": told, "bfloat16": fast(told)}
    if device.type == "cuda":
        kinds["bfloat16, compiled"] = fast(told, compiled=True)
    yield f"| {n} MNIST digits, {steps:,} steps | seconds |"
    yield "|---|--:|"
    x_T = torch.randn(n, 1, 28, 28, device=device)
    for name, denoiser in kinds.items():
        walk(denoiser, x_T, 5)
        yield f"| {name} | {seconds(partial(walk, denoiser, x_T, steps), device):.2f} |"


def walk(denoiser: Denoiser, x_T: Tensor, steps: int) -> Tensor:
    """Samples by our DDIM."""
    return last(sample(denoiser, x_T, denoiser.schedule.times(steps), ddim)).xt


def speed(device: torch.device) -> Iterator[str]:
    """Images a second, of each kind of picture, ours and those of diffusers with the same widths."""
    batch, _, steps = amounts(device)
    yield f"| a second, batches of {batch} | trained: ours | diffusers | {steps} steps: ours | diffusers |"
    yield "|---|--:|--:|--:|--:|"
    for name, (shape, width, mults) in SHAPES.items():
        net = UNet(shape[0], width=width, mults=mults)
        found = [*ours(net, shape, device), *theirs(shape, width, mults, device)]
        trained_1, drawn_1, trained_2, drawn_2 = (f"{each:,.0f}" if each else "not there" for each in found)
        yield f"| {name} | {trained_1} | {trained_2} | {drawn_1} | {drawn_2} |"


def amounts(device: torch.device) -> tuple[int, int, int]:
    """Images in a batch, batches to train on, and steps to draw."""
    return (256, 30, 50) if device.type == "cuda" else (8, 2, 2)


def ours(net: nn.Module, shape: Sequence[int], device: torch.device) -> tuple[float, float]:
    """Images a second, trained and drawn."""
    batch, rounds, steps = amounts(device)
    denoiser, gpu = Denoiser(net, cosine(), V()).to(device), device.type == "cuda"
    run = train(
        denoiser, torch.rand(4 * batch, *shape) * 2 - 1, images=10**9, batch=batch, extras=Extras(bf16=gpu)
    )
    training = seconds(partial(several, partial(next, run), rounds), device, warm=2)
    x_T = torch.randn(batch, *shape, device=device)
    sampling = seconds(partial(walk, fast(denoiser) if gpu else denoiser, x_T, steps), device, warm=1)
    return batch * rounds / training, batch / sampling


def theirs(
    shape: Sequence[int], width: int, mults: Sequence[int], device: torch.device
) -> tuple[float, float]:
    """The same of diffusers, 0 if it isn't installed."""
    batch, rounds, steps = amounts(device)
    net, x = rival(shape, width, mults, device), torch.randn(batch, *shape, device=device)
    if net is None:
        return 0.0, 0.0
    training = seconds(partial(several, trained(net, x), rounds), device, warm=2)
    return batch * rounds / training, batch / seconds(partial(drawn, net, x, steps), device, warm=1)


def several(work: Callable[[], object], times: int) -> None:
    """Do it so many times."""
    for _ in range(times):
        work()


def rival(shape: Sequence[int], width: int, mults: Sequence[int], device: torch.device) -> nn.Module | None:
    """The U-Net of diffusers with these widths, None if it isn't installed."""
    try:
        return Diffusers.unet(shape, width, mults).to(device)
    except ImportError:
        return None


def trained(net: nn.Module, x0: Tensor) -> Callable[[], None]:
    """A training step as in the tutorial of diffusers, with its moving average."""
    from diffusers import DDPMScheduler
    from diffusers.training_utils import EMAModel

    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    optimizer, average = torch.optim.AdamW(net.parameters(), lr=1e-3), EMAModel(net.parameters())

    def step() -> None:
        noise, t = torch.randn_like(x0), torch.randint(1000, (len(x0),), device=x0.device)
        with torch.autocast(x0.device.type, torch.bfloat16, enabled=x0.is_cuda):
            out = net(scheduler.add_noise(x0, noise, t), t).sample
        nn.functional.mse_loss(out.float(), noise).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.step(net.parameters())

    return step


@torch.no_grad()
def drawn(net: nn.Module, x: Tensor, steps: int) -> Tensor:
    """Samples by the DDIM of diffusers."""
    from diffusers import DDIMScheduler

    scheduler = DDIMScheduler(beta_schedule="squaredcos_cap_v2")
    scheduler.set_timesteps(steps, device=x.device)
    for t in scheduler.timesteps:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=x.is_cuda):
            out = net(x, t).sample
        x = scheduler.step(out.float(), t, x).prev_sample
    return x


def lessons(device: torch.device) -> Iterator[str]:
    """Every lesson: on a machine with a GPU, four at a time."""
    some = every() if device.type == "cuda" else every()[:1]
    yield "| lesson | | seconds | peak memory of its kernel, MiB |"
    yield "|---|---|--:|--:|"
    with ThreadPoolExecutor(4) as pool:
        for path, told in zip(some, pool.map(lesson, some), strict=True):
            yield f"| {path.stem} | {told} |"


def lesson(path: Path) -> str:
    """Run one lesson: how it ended, seconds, memory."""
    try:
        told = measured(path)
    except RuntimeError as error:
        return f"failed: {error} | | "
    return f"done | {told.seconds:.0f} | {told.mb:,.0f}"


def seconds(work: Callable[[], object], device: torch.device, warm: int = 0) -> float:
    """How long it takes, after so many times for warming up, until the device has done all of it."""
    wait = torch.cuda.synchronize if device.type == "cuda" else torch.cpu.synchronize
    several(work, warm)
    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def main() -> None:
    """Print what one part measures."""
    parts = {"machine": machine, "digits": digits, "speed": speed, "lessons": lessons}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=parts)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    args = parser.parse_args()
    for line in parts[args.part](args.device):
        print(line, flush=True)


if __name__ == "__main__":
    main()
