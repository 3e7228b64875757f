"""python -m ddpm_core evaluate: the bound on -log p of test pictures."""

import argparse
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from .. import checks, elbo
from ..study import calibrated
from .models import LARGEST_SEED, model, pick
from .recipes import RECIPES

STEPS, CALIBRATION = 100, 500  # default number of steps; training pictures for the variances


def add_evaluate(commands: Any) -> argparse.ArgumentParser:
    """Add the command `evaluate` to the parser's commands."""
    e = commands.add_parser("evaluate", help="print the bound on -log p of test pictures, by term")
    e.add_argument(
        "--from", dest="source", required=True, metavar="NAME", help="a folder, a file, or a model that ships"
    )
    e.add_argument("--n", type=int, default=100, help="how many test pictures (default: %(default)s)")
    e.add_argument("--steps", type=int, help=f"how many steps (default: {STEPS})")
    e.add_argument("--seed", type=int, default=0)
    e.set_defaults(run=_evaluate)
    return e


def _evaluate(args: argparse.Namespace) -> None:
    for name, lowest in (("n", 2), ("seed", 0)):
        checks.whole(getattr(args, name), f"--{name}", lowest)
    checks.whole(args.seed, "--seed", 0, LARGEST_SEED)
    device = pick(args.device)
    card, denoiser = model(args.source, device)
    if not {"data", "levels"} <= card.keys():
        raise ValueError(
            f"{args.source} doesn't say which data it was trained on: nothing to evaluate it with"
        )
    if "latent_of" in card:
        raise ValueError(f"{args.source} works in latents: the bound on pictures isn't its own")
    if card["data"] not in RECIPES:
        raise ValueError(
            f"{args.source} was trained on all pictures of a folder: none is left to test it with"
        )
    train_set, test_set = RECIPES[card["data"]].read()
    levels, generator = card["levels"], torch.Generator().manual_seed(args.seed)
    pictures = _some(test_set.images, args.n, generator)
    known = _some(train_set.images, CALIBRATION, generator)
    times = elbo.bound_times(denoiser.schedule, levels, args.steps)
    if args.steps is None and len(times) > STEPS + 1:
        times = elbo.bound_times(denoiser.schedule, levels, STEPS)
    walk = f"{times[0]} .. {times[-2]}, 0 in {len(times) - 1} steps"
    print(f"{len(pictures)} test pictures of {card['data']}, times {walk}; bits per number")
    print(f"variances of the steps calibrated on {len(known)} training pictures", flush=True)
    reverse = calibrated.Calibrated(denoiser, known.to(device), times, generator)
    terms = elbo.terms(
        denoiser,
        pictures.to(device),
        times,
        reverse=reverse,
        decoder=elbo.pixels(levels),
        generator=generator,
    )
    bound = elbo.bound(tqdm(terms, total=len(times), unit=" terms"))
    for name, nats in (
        ("L_T, the prior", bound.terms[:, 0]),
        ("L_t, the steps", bound.terms[:, 1:-1].sum(1)),
        ("L_0, the decoder", bound.distortion),
        ("all", bound.total),
    ):
        bits = elbo.bits_per_dim(nats, pictures)
        print(f"{name:18s}{bits.mean():9.4f} ± {bits.std() / len(bits) ** 0.5:.4f}")


def _some(images: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """n of the images, or all if there are fewer, in a random order."""
    return images[torch.randperm(len(images), generator=generator)[:n]]
