"""python -m ddpm_core train: data in, weights out."""

import argparse
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor

from .. import checkpoints, checks, files, parallel
from ..denoiser import Denoiser
from ..nets import MLP, UNet
from ..schedule import cosine
from ..study.metrics import agreement
from ..training import Extras, train, watch
from .models import model, pick
from .recipes import RECIPES, Recipe

FREE = {"images", "shape", "levels"}  # in the card of a run, not compared with what it is resumed with


def add_train(commands: Any) -> argparse.ArgumentParser:
    """Add the command `train` to the parser's commands."""
    t = commands.add_parser("train", help="train a denoiser and leave OUT/model.safetensors; Ctrl-C saves")
    t.add_argument("--data", choices=sorted(RECIPES), default="digits")
    t.add_argument(
        "--images",
        type=int,
        default=200_000,
        help="how many to see (default: %(default)s); with --resume, more than before is fine",
    )
    t.add_argument("--from", dest="source", metavar="NAME", help="start from this network")
    t.add_argument(
        "--agree",
        type=float,
        metavar="SHARE",
        help="withhold labels that less than this share of a picture's ten nearest neighbours have",
    )
    t.add_argument("--batch", type=int, help="images a step")
    t.add_argument("--lr", type=float, help="the highest learning rate")
    t.add_argument("--ema", type=float, help="how slowly the average of the weights forgets, in [0, 1)")
    t.add_argument(
        "--min-snr",
        type=float,
        metavar="MOST",
        help="count an error in x_0 at most so often; 5 is usual",
    )
    t.add_argument("--clip-grad", type=float, metavar="MOST", help="shorten a longer gradient to this norm")
    t.add_argument("--seed", type=int, default=0)
    t.add_argument(
        "--bf16", action="store_true", help="multiply in bfloat16: worth it for 28x28, not for 8x8"
    )
    t.add_argument("--out", required=True, metavar="DIR")
    t.add_argument("--save-every", type=int, metavar="N", help="save the whole run every N images")
    t.add_argument("--resume", action="store_true", help="go on from the last save, if there is one")
    t.set_defaults(run=_train)
    return t


def _train(args: argparse.Namespace) -> None:
    with parallel.processes(pick(args.device)) as device:
        _train_on(device, args)


def _train_on(device: torch.device, args: argparse.Namespace) -> None:
    recipe, target = RECIPES[args.data], Path(args.out) / "model.safetensors"
    save = target.with_name("run.safetensors")
    settings, wishes = _settings(args, recipe)
    told = {"data": args.data, **settings} | {name: w for name, w in wishes.items() if w is not None}
    files.try_write(target)
    if target.is_file() and _finished(target, told | wishes, args.resume):
        return
    if save.is_file() and not args.resume:
        raise FileExistsError(f"{save} is of a run that has not ended; go on with --resume, or move it away")
    images, labels, levels = recipe.read()[0]
    torch.manual_seed(args.seed)  # the network's first weights
    if args.source is None:
        denoiser = Denoiser(recipe.net(), cosine(), recipe.prediction, clip=1.0).to(device)
    else:
        denoiser = _fitting(args.source, images, device)
    y = labels if cast(UNet | MLP, denoiser.net).config["classes"] else None
    if args.agree is not None:
        y = _agreed(images, y, args.agree)
    start = time.perf_counter()
    resume = _resumed(save, told) if args.resume and save.is_file() else None
    last = int(resume["counts"][0]) if resume else 0
    extras = Extras(args.bf16, args.min_snr, args.clip_grad)
    steps = train(denoiser, images, y, **settings, extras=extras, resume=resume)
    if not parallel.first():
        deque(steps, 0)  # the other processes train, but print and save nothing
        return
    _announce(denoiser, len(images), device, last)
    card = {"shape": list(images.shape[1:]), "levels": levels, **told}
    with _noted() as stopped:
        for step in watch(steps, args.images):
            if stopped or (args.save_every and step.images // args.save_every > last // args.save_every):
                checkpoints.save_run(step.run, save, **card)
            last = step.images
            if stopped:
                raise KeyboardInterrupt(f" at {last} images, which {save} holds; go on with --resume")
    checkpoints.save(denoiser, target, seconds=round(time.perf_counter() - start, 1), **card)
    save.unlink(missing_ok=True)
    print(f"{last:,} images in {time.perf_counter() - start:.0f} s: {target}")


@contextmanager
def _noted() -> Iterator[list[int]]:
    """Inside, the first Ctrl-C is only noted, in a list, so that a step is whole; the second one ends it all.

    Of several processes, each is ended at once: one alone can't take another step.
    """
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)
        signal.signal(signal.SIGINT, before)

    before, here = signal.getsignal(signal.SIGINT), threading.current_thread() is threading.main_thread()
    if before is not signal.default_int_handler or not here or parallel.count() > 1:
        yield noted  # ignored, as in a shell's background, or somebody else's
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _settings(args: argparse.Namespace, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `train`, by default the recipe's; and the options that are None unless given."""
    checks.whole(args.seed, "--seed", 0, 1 << 42)
    if args.agree is not None:
        checks.share(args.agree, "--agree")
    if args.save_every is not None:
        checks.whole(args.save_every, "--save-every", 1)
    settings = {name: getattr(args, name) for name in ("images", "batch", "lr", "ema", "seed")}
    settings |= {n: getattr(recipe, n) for n in ("batch", "lr", "ema") if settings[n] is None}
    wishes = {name: getattr(args, name) for name in ("agree", "bf16", "min_snr", "clip_grad")}
    return settings, {"from": args.source, **wishes}


def _announce(denoiser: Denoiser, images: int, device: torch.device, last: int) -> None:
    weights, several = sum(p.numel() for p in denoiser.parameters()), parallel.count()
    where = f"{several} x {device.type}" if several > 1 else str(device)
    print(f"{images:,} images, {weights:,} weights, on {where}", flush=True)
    if last:
        print(f"resumed at {last} images", flush=True)


def _finished(target: Path, wish: dict[str, Any], resume: bool) -> bool:
    """True if `target` is the result of the run that is to be resumed; FileExistsError otherwise."""
    card = checkpoints.card(target) if resume else {}
    if resume and all(card.get(name) == value for name, value in wish.items()):
        if parallel.first():
            print(f"finished already: {target}")
        return True
    raise FileExistsError(f"{target} would be written over; move it away, or give another --out")


def _fitting(name: str, images: Tensor, device: torch.device) -> Denoiser:
    """The denoiser to start training from, or ValueError if it was trained on pictures of another shape."""
    card, denoiser = model(name, device)
    if card["shape"] != (shape := list(images.shape[1:])):
        raise ValueError(f"{name} was trained on pictures of {card['shape']}, these are {shape}")
    return denoiser


def _agreed(images: Tensor, y: Tensor | None, least: float) -> Tensor:
    """The labels, -1 where less than the share `least` of a picture's nearest neighbours have the same."""
    if y is None:
        raise ValueError("--agree: this network is trained without labels")
    withheld = agreement(images, y) < least
    if parallel.first():
        print(f"{int(withheld.sum()):,} of {len(y):,} labels withheld", flush=True)
    return y.masked_fill(withheld, -1)


def _resumed(save: Path, told: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors of a saved run, or ValueError if it was made with other settings than `told`.

    Only `images` may be another.
    """
    tensors, made = checkpoints.load_run(save), checkpoints.card(save)
    if other := sorted(n for n in (told | made).keys() - FREE if made.get(n) != told.get(n)):
        raise ValueError(
            f"{save} was made with another {' and '.join(other)}; give the same, or move it away"
        )
    return tensors
