"""How good digits are against the passes that they take: diffusion, a flow, better steps, and a reflow.

    python tests/benchmarks/flows.py [--images 200000] [--pairs 8192] [--seeds 3] [--n 1437] [--out FILE]
    python tests/benchmarks/flows.py --colour

For each seed one network is trained on the noise along the cosine schedule, and one of the same make on the
velocity along the straight path, with the same seed and as many of the same digits; a third goes on from the
second with pairs of its own, half as long.  Each walks n noises down with at most 1, 2, 4 .. 32 passes.  A
step of Heun takes two and the last step one, so that it uses 3, 7, 15 and 31.  The numbers are Frechet
distances to the test digits by the classifier that ships, in units of that of as many training digits: the
mean over the seeds with its standard error.  All walks of a seed begin at the same noise.  The JSON that is
written holds every single number.

With --colour nothing is trained.  Eight texts, four noises each, are walked down by the colour model that
ships, as told and with guidance 2, and compared with what 250 steps of 2M make of the same noises: root mean
square over pixels, in grey levels of 256.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import Tensor

from ddpm_core import (
    Denoiser,
    Eps,
    Flow,
    UNet,
    classifier,
    cosine,
    ddim,
    digits,
    last,
    pretrained,
    sample,
    straight,
    train,
)
from ddpm_core.prediction import Prediction
from ddpm_core.sampling import Frame, dpm_2m, heun
from ddpm_core.schedule import Schedule
from ddpm_core.study.latents import pretrained_autoencoder
from ddpm_core.study.metrics import floor, frechet

PASSES = (1, 2, 4, 8, 16, 32)
TEXTS = ("red heart", "open book", "grinning face", "cat face", "rocket", "frog", "pizza", "tree")
Walk = Callable[[int, Tensor], Iterable[Frame]]  # (at most so many passes, x_T) -> a walk


def dice(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trained(schedule: Schedule, prediction: Prediction, images: int, seed: int) -> Denoiser:
    """A network of its own, trained on the digits."""
    torch.manual_seed(seed)
    denoiser = Denoiser(UNet(), schedule, prediction, clip=1.0)
    for _ in train(denoiser, digits()[0].images, images=images, seed=seed):
        pass
    return denoiser


def reflowed(flow: Denoiser, pairs: int, images: int, seed: int) -> Denoiser:
    """A copy of the flow, trained on noises and what 63 passes of Heun make of them."""
    eps = torch.randn(pairs, 1, 8, 8, generator=dice(1000 + seed))
    made = [last(heun(flow, part, flow.schedule.times(32))).xt.clamp(-1, 1) for part in eps.split(512)]
    batches = [{"x0": a, "eps": b} for a, b in zip(torch.cat(made).split(64), eps.split(64), strict=True)]
    again = copy.deepcopy(flow)
    for _ in train(again, batches, images=images, seed=seed, lr=2e-3):
        pass
    return again


def walks(diffusion: Denoiser, flow: Denoiser, again: Denoiser, seed: int) -> dict[str, Walk]:
    """What is compared, by name."""

    def stepping(denoiser: Denoiser, **how: object) -> Walk:
        return lambda n, x: sample(denoiser, x, denoiser.schedule.times(n), **how)

    return {
        "ancestral": lambda n, x: sample(diffusion, x, diffusion.schedule.times(n), generator=dice(seed)),
        "DDIM": stepping(diffusion, rule=ddim),
        "2M": lambda n, x: dpm_2m(diffusion, x, diffusion.schedule.times(n)),
        "flow, Euler": stepping(flow, rule=ddim),
        "flow, Heun": lambda n, x: heun(flow, x, flow.schedule.times((n + 1) // 2)),
        "flow, 2M": lambda n, x: dpm_2m(flow, x, flow.schedule.times(n)),
        "reflow, Euler": stepping(again, rule=ddim),
    }


def measured(args: argparse.Namespace, seed: int) -> dict[str, dict[int, float]]:
    """Distances of one seed's networks, by walk and passes."""
    judge, (train_set, test_set) = classifier("digits"), digits()
    real, shown = judge.features(test_set.images), judge.features(train_set.images)
    unit = floor(shown, torch.zeros(len(shown)), real, min(args.n, len(shown))).mean().item()
    diffusion = trained(cosine(1000), Eps(), args.images, seed)
    flow = trained(straight(1000), Flow(), args.images, seed)
    again = reflowed(flow, args.pairs, args.images // 2, seed)
    x_T, found = torch.randn(args.n, 1, 8, 8, generator=dice(seed)), {}
    for name, walk in walks(diffusion, flow, again, seed).items():
        start = time.perf_counter()
        ends = {n: last(walk(n, x_T)).xt.clamp(-1, 1) for n in PASSES if n > 2 or "Heun" not in name}
        found[name] = {n: frechet(judge.features(x), real) / unit for n, x in ends.items()}
        print(f"seed {seed}  {name:<14} {time.perf_counter() - start:5.0f} s", flush=True)
    return found


def table(runs: list[dict[str, dict[int, float]]]) -> str:
    """The means over the seeds with their standard errors, a row for each walk."""
    lines = ["| at most so many passes | " + " | ".join(map(str, PASSES)) + " |", "|:--" + "|--:" * 6 + "|"]
    for name in runs[0]:
        cells = []
        for n in PASSES:
            values = [run[name][n] for run in runs if n in run[name]]
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.2f} ± {error:.2f}" if values else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


@torch.no_grad()
def colour(per_text: int = 4, far: int = 250) -> str:
    """How far the colour model's pictures are from where its flow ends, by walk and passes."""
    net, paint = pretrained("emoji"), pretrained_autoencoder("emoji")
    texts, times = [text for text in TEXTS for _ in range(per_text)], net.schedule.times
    z_T, lines = torch.randn(len(texts), 4, 8, 8, generator=dice(0)), []
    for strength in (1.0, 2.0):
        told = net.guided(texts, strength)
        walks: dict[str, Walk] = {
            "DDIM": lambda n, z, told=told: sample(told, z, times(n), ddim),
            "2M": lambda n, z, told=told: dpm_2m(told, z, times(n)),
            "Heun": lambda n, z, told=told: heun(told, z, times((n + 1) // 2)),
        }
        end = paint.decode(last(walks["2M"](far, z_T)).xt)
        for name, walk in walks.items():
            gaps = [(paint.decode(last(walk(n, z_T)).xt) - end).square().mean().sqrt() for n in PASSES[2:]]
            cells = " | ".join(f"{127.5 * gap:.1f}" for gap in gaps)
            lines.append(f"| {name}, strength {strength:g} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--pairs", type=int, default=8192)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=1437)
    parser.add_argument("--out", type=Path, default=Path("runs/bench/flows.json"))
    parser.add_argument("--colour", action="store_true", help="the colour model instead")
    args = parser.parse_args()
    if args.colour:
        print(colour())
        return
    args.out.parent.mkdir(parents=True, exist_ok=True)
    runs = []
    for seed in range(args.seeds):
        runs.append(measured(args, seed))
        args.out.write_text(json.dumps(runs, indent=1) + "\n")
    print(table(runs))


if __name__ == "__main__":
    main()
