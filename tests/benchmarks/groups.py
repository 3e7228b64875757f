"""The groups of measurements; each is a generator of rows."""

import functools
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from clock import medians
from lessons import every, measured
from parity import parity
from peers import BATCH, COLOUR, DIGITS, LATENTS, PEERS, SMALL, Ours, Shape, flops, weights
from torch import Tensor, nn

from ddpm_core import MLP, Denoiser, Eps, UNet, cosine, sample, train
from ddpm_core.nets import set_memory_format
from ddpm_core.speed import fast

ROOT = Path(__file__).parents[2]
Row = dict[str, object]
KINDS = {"8×8": SMALL, "28×28": DIGITS, "32×32×3": COLOUR, "latents": LATENTS}
FEW = 5  # steps of a walk that is timed


@functools.cache
def there() -> list[str]:
    """The packages that run here; for each other one, a line says why it doesn't."""
    names = []
    for name, peer in PEERS.items():
        try:
            peer(SMALL, 2)
        except (ImportError, RuntimeError) as error:
            print(f"  without {name}: {str(error).strip().splitlines()[-1]}", file=sys.stderr)
        else:
            names.append(name)
    return names


def steps(rounds: int) -> Iterator[Row]:
    """A training step and a sampling step of each package, as multiples of ours per FLOP.

    Compared with ours at nearly as many FLOPs (the rest of the difference is divided out), and at its widths.
    """
    for name, shape in KINDS.items():
        for package in there()[1:]:
            yield {"kind": name, "package": package, **_steps(package, shape, rounds)}
    yield from _bfloat16(rounds)


def _steps(package: str, shape: Shape, rounds: int) -> Row:
    """A package's two steps compared with ours."""
    torch.manual_seed(0)
    x0, other = torch.rand(BATCH, *shape) * 2 - 1, PEERS[package](shape, FEW)
    several = 8 if shape[-1] == 8 else 1
    three = {
        "theirs": other,
        "ours": Ours.as_large(other, shape, FEW),
        "same widths": Ours(shape, FEW, widths=other.widths),
    }
    cost = {who: flops(peer, shape) for who, peer in three.items()}
    training = medians({who: _times(peer.start(x0), several) for who, peer in three.items()}, rounds)
    sampling = medians({who: (lambda p=peer: p.walk(BATCH)) for who, peer in three.items()}, rounds)
    width, mults = other.widths[shape]

    def ahead(seconds: dict[str, float], who: str) -> float:
        return seconds["theirs"] / seconds[who] * cost[who] / cost["theirs"]

    return {
        "widths": [width * m for m in mults],
        "ours": [three["ours"].net.config["width"] * m for m in three["ours"].net.config["mults"]],
        "weights": [weights(peer.net) for peer in three.values()],
        "mflops": [round(cost[who] / 1e6, 1) for who in three],
        "train_ms": [round(1e3 * training[who] / several, 1) for who in three],
        "sample_ms": [round(1e3 * sampling[who] / FEW, 1) for who in three],
        "train": ahead(training, "ours"),
        "sample": ahead(sampling, "ours"),
        "train_same_widths": ahead(training, "same widths"),
        "sample_same_widths": ahead(sampling, "same widths"),
    }


def _bfloat16(rounds: int) -> Iterator[Row]:
    """Ours at diffusers' size, plain, in bfloat16 and compiled, relative to diffusers in float32 per FLOP."""
    if "diffusers" not in there():
        return
    other = PEERS["diffusers"](DIGITS, FEW)
    ours = Ours.as_large(other, DIGITS, FEW)
    works: dict[str, Callable[[], object]] = {
        "diffusers": lambda: other.walk(BATCH),
        "plain": lambda: ours.walk(BATCH),
    }
    for label, compiled in (("bf16", False), ("bf16 compiled", True)):
        quick = fast(ours.denoiser, compiled=compiled)
        works[label] = lambda d=quick: list(sample(d, torch.randn(BATCH, *DIGITS)))[-1]
    seconds = medians(works, rounds)
    share = flops(ours, DIGITS) / flops(other, DIGITS)
    for label in ("plain", "bf16", "bf16 compiled"):
        yield {
            "kind": "28×28",
            "package": "ddpm_core",
            "path": label,
            "against_diffusers": share * seconds["diffusers"] / seconds[label],
        }


def _times(work: Callable[[], object], n: int) -> Callable[[], object]:
    return lambda: [work() for _ in range(n)]


def loop(rounds: int) -> Iterator[Row]:
    """The sampling loop's overhead, relative to the network alone at 8x8, and with an empty network."""
    T, several = 1000, 20
    ours, x = Ours(SMALL, T), torch.randn(BATCH, *SMALL)

    @torch.no_grad()
    def bare() -> None:
        for t in range(several, 0, -1):
            ours.net(x, torch.full((1,), t).expand(BATCH))

    def walks() -> Iterator[object]:
        while True:
            yield from sample(ours.denoiser, x)

    frames = walks()
    works = {"loop": _times(lambda: next(frames), several), "bare": bare}
    seconds = medians(works, rounds * T // several)
    yield {"what": "8x8, batch 64, 1000 steps", "over_bare": seconds["loop"] / seconds["bare"] - 1}
    idle = {name: PEERS[name](SMALL, T, _Idle()) for name in there()}
    seconds = medians({name: (lambda p=peer: p.walk(1)) for name, peer in idle.items()}, rounds)
    best = min((s for name, s in seconds.items() if name != "ddpm_core"), default=math.nan)
    for name, s in seconds.items():
        yield {"package": name, "us_per_step": 1e6 * s / T, "of_the_best_other": s / best}


class _Idle(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, t: Tensor, *more: object) -> Tensor:
        return x


@torch.no_grad()
def roofline(rounds: int) -> Iterator[Row]:
    """The U-Net's throughput at 28x28 as a share of the fastest convolution's, and where the rest is lost."""
    for dtype in (torch.float32, torch.bfloat16):
        net = UNet(width=16, mults=(1, 3, 6)).eval()
        set_memory_format(net, dtype == torch.bfloat16)
        x, t = torch.randn(BATCH, 1, 28, 28), torch.full((1,), 500).expand(BATCH)

        def forward(net: nn.Module = net, x: Tensor = x, t: Tensor = t, dtype: torch.dtype = dtype) -> Tensor:
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                return net(x, t)

        works: dict[str, Callable[[], object]] = {"unet": forward}
        cost = {"unet": flops(Ours(DIGITS, 10, net), DIGITS) * BATCH}
        for c, size in [(48, 14), (96, 14), (192, 14), (96, 28), (256, 14), (96, 7)]:
            kernel = torch.randn(c, c, 3, 3, dtype=dtype)
            picture = torch.randn(BATCH, c, size, size, dtype=dtype)
            for form in (torch.contiguous_format, torch.channels_last):
                key = f"{c}@{size}{' last' if form == torch.channels_last else ''}"
                args = picture.to(memory_format=form), kernel.to(memory_format=form)
                works[key] = lambda a=args: F.conv2d(*a, padding=1)
                cost[key] = 2 * 9 * c * c * size * size * BATCH
        seconds = medians(works, rounds)
        rate = {name: cost[name] / seconds[name] / 1e9 for name in works}
        best = max((r, name) for name, r in rate.items() if name != "unet")
        yield {
            "dtype": str(dtype)[6:],
            "unet_gflops": rate["unet"],
            "best": best[1],
            "best_gflops": best[0],
            "share": rate["unet"] / best[0],
        }
        with torch.profiler.profile() as profile:
            forward()
        events = [e for e in profile.key_averages() if e.self_cpu_time_total]
        total = sum(e.self_cpu_time_total for e in events)
        largest = sorted(events, key=lambda e: -e.self_cpu_time_total)[:6]
        yield {e.key.removeprefix("aten::"): round(e.self_cpu_time_total / total, 3) for e in largest}


def forms(rounds: int) -> Iterator[Row]:
    """A pass there and back of our network, in each form: as many times as fast as in channels last, float32.

    Last the images a second of other batches, as multiples of those of a batch of 64.
    """
    kinds = {
        "float32, contiguous": (torch.contiguous_format, torch.float32),
        "float32": (torch.channels_last, torch.float32),
        "bfloat16, channels last": (torch.channels_last, torch.bfloat16),
        "bfloat16": (torch.contiguous_format, torch.bfloat16),
    }
    for name, shape in KINDS.items():
        works = {
            form: partial(_there_and_back, Ours(shape, FEW).net.to(memory_format=memory), shape, BATCH, dtype)
            for form, (memory, dtype) in kinds.items()
        }
        seconds = medians(works, rounds)
        yield {"kind": name, **{form: seconds["float32"] / s for form, s in seconds.items()}}
        net = Ours(shape, FEW).net.to(memory_format=torch.channels_last)
        sizes = (16, 32, 64, 128, 256)
        seconds = medians({f"{n}": partial(_there_and_back, net, shape, n) for n in sizes}, rounds)
        yield {"kind": name, **{f"batch {n}": n / BATCH * seconds["64"] / seconds[f"{n}"] for n in sizes}}


def _there_and_back(net: nn.Module, shape: Shape, n: int, dtype: torch.dtype = torch.float32) -> None:
    with torch.autocast("cpu", dtype, enabled=dtype == torch.bfloat16):
        out = net(torch.randn(n, *shape), torch.full((n,), 500))
    out.float().square().mean().backward()


WORKER = """
import sys, time, torch
from ddpm_core import Denoiser, Eps, UNet, cosine, parallel, train
torch.set_num_threads(int(sys.argv[1]))
with parallel.processes(torch.device("cpu")):
    torch.manual_seed(0)
    x0 = torch.rand(2000, 1, 28, 28) * 2 - 1
    steps = train(Denoiser(UNet(width=16, mults=(1, 3, 6)), cosine(), Eps()), x0, images=10**9)
    for _ in range(3):
        next(steps)
    start = time.perf_counter()
    for _ in range(int(sys.argv[2])):
        next(steps)
    if parallel.first():
        print("seconds", time.perf_counter() - start)
"""


def processes(rounds: int) -> Iterator[Row]:
    """Training at 28x28: one process with one thread, two of these, one with two threads; ratios of speed."""
    with tempfile.TemporaryDirectory() as folder:
        worker = Path(folder) / "worker.py"
        worker.write_text(WORKER)

        def run(count: int, threads: int) -> float:
            head = [
                sys.executable,
                "-m",
                "torch.distributed.run",
                "--standalone",
                f"--nproc-per-node={count}",
            ]
            told = subprocess.run(
                [*(head if count > 1 else [sys.executable]), str(worker), str(threads), "12"],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            ).stdout
            return float(told.split("seconds")[1])

        kinds = {
            "1 process, 1 thread": (1, 1),
            "2 processes, 1 thread": (2, 1),
            "1 process, 2 threads": (1, 2),
        }
        seconds: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(max(3, rounds // 2)):
            for name, kind in kinds.items():
                seconds[name].append(run(*kind))
        middle = {name: sorted(values)[len(values) // 2] for name, values in seconds.items()}
        base = middle["1 process, 1 thread"]
        for name, s in middle.items():
            yield {"what": name, "images_per_s": 12 * BATCH / s, "ratio": base / s}


def quality(rounds: int) -> Iterator[Row]:
    """Seconds of training until sampled digits reach 2 x the floor, for each package's best setting."""
    import quality as q

    yield from q.race(there())


def start(rounds: int) -> Iterator[Row]:
    """Start-up and size: imports relative to torch's, and what a clone holds."""
    python = lambda code: lambda: subprocess.run([sys.executable, "-c", code], check=True)  # noqa: E731
    seconds = medians(
        {name: python(f"import {name}") for name in ("torch", "ddpm_core", "ddpm_core.teach")}, rounds
    )
    for name, s in seconds.items():
        yield {"import": name, "s": s, "of_torch": s / seconds["torch"]}
    sizes = sorted(
        ((ROOT / name).stat().st_size, name)
        for name in subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        if name and (ROOT / name).is_file()
    )
    yield {"files_mb": sum(size for size, _ in sizes) / 1e6}
    yield {name: size / 1e6 for size, name in reversed(sizes[-3:])}


def each_lesson(rounds: int) -> Iterator[Row]:
    """Every lesson's seconds and memory, and its three slowest cells."""
    for path in every():
        yield {"lesson": path.stem, **measured(path)._asdict()}


def amount(rounds: int) -> Iterator[Row]:
    """A training step of a small network with 10,000,000 points, as a multiple of one with 10,000."""
    schedule = cosine(50)
    runs = [
        train(Denoiser(MLP(2, 16), schedule, Eps()), torch.rand(n, 2) - 0.5, images=10**9)
        for n in (10**4, 10**7)
    ]
    few, many = (partial(next, run) for run in runs)
    took = medians({"few": _times(few, 40), "many": _times(many, 40)}, rounds)
    yield {"examples": 10**7, "step": took["many"] / took["few"]}


GROUPS: dict[str, Callable[[int], Iterator[Row]]] = {
    "steps": steps,
    "loop": loop,
    "amount": amount,
    "roofline": roofline,
    "forms": forms,
    "processes": processes,
    "quality": quality,
    "start": start,
    "lessons": each_lesson,
    "parity": parity,
}
