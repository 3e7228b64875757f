"""python -m ddpm_core train: data in, weights out."""

import argparse
import copy
import math
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch
from torch import Tensor

from .. import checkpoints, checks, files, parallel
from ..data import Emoji
from ..denoiser import Denoiser
from ..folders import FITS, KINDS, Folder
from ..gaussian import Gaussian
from ..nets import MLP, UNet
from ..pictures import few, preview
from ..schedule import cosine
from ..speed import multiplies_bfloat16
from ..study.latents import Autoencoder, Captioned, encoded
from ..training import Extras, Run, Step, train, watch
from ..words import Vocabulary
from .latent import images_in, new_autoencoder
from .models import AUTOENCODER, model, pick
from .recipes import DROP, FOLDER, RECIPES, Data, Recipe, labelled, network, recipe, texts
from .withheld import agreed

IMAGES = 200_000  # to see, unless one says otherwise
# in the card of a run, and not compared with what it is resumed with
FREE = {"images", "shape", "levels", "steps", "names", "walk", "guidance", "latent_of"}


def add_train(commands: Any) -> argparse.ArgumentParser:
    """Add the command `train` to the parser's commands."""
    t = commands.add_parser("train", help="train a denoiser and leave OUT/model.safetensors; Ctrl-C saves")
    t.add_argument(
        "--data",
        default="digits",
        metavar="DATA",
        help=f"{', '.join(RECIPES)}, or a folder of your own pictures: {KINDS}, subfolders as labels",
    )
    _add_folder(t.add_argument_group("for a folder of your own pictures"))
    _add_length(t.add_argument_group("for how long"))
    _add_labels(t.add_argument_group("for labels and words"))
    t.add_argument(
        "--latent",
        action="store_true",
        help="train an autoencoder first, then in its latents: several times faster",
    )
    t.add_argument("--from", dest="source", metavar="NAME", help="start from this network")
    t.add_argument("--batch", type=int, help="images a step")
    t.add_argument("--lr", type=float, help="the highest learning rate")
    t.add_argument("--ema", type=float, help="how slowly the average of the weights forgets, in [0, 1)")
    t.add_argument(
        "--min-snr", type=float, metavar="MOST", help="weigh errors in x_0 by min(SNR, MOST), such as 5"
    )
    t.add_argument("--clip-grad", type=float, metavar="MOST", help="shorten a longer gradient to this norm")
    t.add_argument("--seed", type=int, default=0)
    t.add_argument(
        "--bf16", action="store_true", help="multiply in bfloat16: worth it for 28x28, not for 8x8"
    )
    t.add_argument("--out", required=True, metavar="DIR")
    t.add_argument("--preview", type=int, metavar="N", help="every N images, leave a grid of samples in DIR")
    t.add_argument("--save-every", type=int, metavar="N", help="save the whole run every N images")
    t.add_argument("--resume", action="store_true", help="go on from the last save, if there is one")
    t.set_defaults(run=_train)
    return t


def _add_length(group: Any) -> None:
    group.add_argument(
        "--images",
        type=int,
        help=f"how many to see (default: {IMAGES}); with --resume, more than before is fine",
    )
    group.add_argument(
        "--minutes", type=float, metavar="M", help="see as many as this machine can in M minutes"
    )


def _add_labels(group: Any) -> None:
    group.add_argument(
        "--agree",
        type=float,
        metavar="SHARE",
        help="withhold labels that less than this share of a picture's ten nearest neighbours have",
    )
    group.add_argument(
        "--drop",
        type=float,
        default=DROP,
        metavar="SHARE",
        help=f"show this share of the pictures without their label or words, for guidance (default: {DROP})",
    )


def _add_folder(group: Any) -> None:
    group.add_argument("--size", type=int, metavar="PIXELS", help="a side of the squares (default: 32)")
    group.add_argument("--fit", choices=FITS, help="the square in the middle, or all of it (default: crop)")
    group.add_argument(
        "--background", metavar="COLOUR", help="where a picture is transparent or padded (default: white)"
    )
    group.add_argument("--flip", action="store_true", default=None, help="mirror each half of the times")
    group.add_argument("--grey", action="store_true", default=None, help="without colour")


def _train(args: argparse.Namespace) -> None:
    with parallel.processes(pick(args.device)) as device:
        _train_on(device, args)


def _train_on(device: torch.device, args: argparse.Namespace) -> None:
    target = Path(args.out) / "model.safetensors"
    save = target.with_name("run.safetensors")
    _check(args, target, save)
    source = None if args.source is None else model(args.source, device)
    plan = recipe(args, source[0]["shape"] if source else None)
    own, start = plan.read()[0], time.perf_counter()
    settings, wish = _settings(args, plan, own)
    if target.is_file() and _finished(target, wish):
        return
    told = {name: value for name, value in wish.items() if value is not None}
    resume = _resumed(save, told) if args.resume and save.is_file() else None
    last = int(resume["counts"][0]) if resume else 0
    paint = None
    if args.latent:
        paint = new_autoencoder(own, target.with_name(AUTOENCODER), args.minutes, device, args.resume)
    denoiser, x0, y = _prepared(args, plan, own, source, paint)
    denoiser.to(device)
    quick = args.latent and multiplies_bfloat16(device)
    extras = Extras(args.bf16 or quick, wish["min_snr"], args.clip_grad)
    if args.minutes is not None:
        settings["images"] = _images(args, denoiser, (x0, y), settings, extras, start, save)
    steps = train(denoiser, x0, y, **settings, extras=extras, resume=resume)
    if not parallel.first():
        deque(steps, 0)  # the other processes train, but print and save nothing
        return
    _announce(denoiser, len(x0), device, last)
    card = _card(plan, own, paint, settings) | told
    if args.preview is not None:
        steps = preview(steps, args.preview, args.out, None if paint is None else partial(_drawn, paint))
    last = _followed(args, steps, save, last, card)
    seconds = time.perf_counter() - start
    checkpoints.save(denoiser, target, seconds=round(seconds, 1), **card)
    save.unlink(missing_ok=True)
    print(f"{last:,} images in {seconds:.0f} s: {target}")


def _check(args: argparse.Namespace, target: Path, save: Path) -> None:
    """ValueError, or OSError for what would be written over, before anything is read."""
    checks.whole(args.seed, "--seed", 0, 1 << 42)
    if args.minutes is not None:
        checks.real(args.minutes, "--minutes", 0, math.inf)
        if args.images is not None:
            raise ValueError("--minutes and --images both say how long; give one of them")
    if args.latent and args.source:
        raise ValueError("--latent trains from the start; --from goes on with a network of pictures")
    if args.latent and args.agree is not None:
        raise ValueError("--agree withholds labels; in latents they are words, of which some are left out")
    if args.agree is not None:
        checks.share(args.agree, "--agree")
    checks.share(args.drop, "--drop")
    for name in ("save_every", "preview"):
        if getattr(args, name) is not None:
            checks.whole(getattr(args, name), f"--{name.replace('_', '-')}", 1)
    files.try_write(target)
    if args.resume:
        return
    others = [target.with_name(AUTOENCODER)] if args.latent else []
    others += [] if args.preview is None else target.parent.glob("preview-*.png")
    for path in (target, *others):
        if path.is_file():
            raise FileExistsError(f"{path} would be written over; move it away, or give another --out")
    if save.is_file():
        raise FileExistsError(f"{save} is of a run that has not ended; go on with --resume, or move it away")


def _followed(
    args: argparse.Namespace, steps: Iterator[Step], save: Path, last: int, card: dict[str, Any]
) -> int:
    """Take the steps, and save the run now and then, at Ctrl-C as well; how many images were seen."""
    with _noted() as stopped:
        for step in watch(steps, card["images"]):
            if stopped or (args.save_every and step.images // args.save_every > last // args.save_every):
                checkpoints.save_run(step.run, save, **card)
            last = step.images
            if stopped:
                raise KeyboardInterrupt(f" at {last} images, which {save} holds; go on with --resume")
    return last


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


def _settings(args: argparse.Namespace, plan: Recipe, own: Data) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `train`, by default the recipe's; and all that must be the same to go on with the run.

    In the second, what wasn't asked for is None.
    """
    given = {name: getattr(args, name) for name in ("batch", "lr", "ema", "min_snr")}
    given |= {name: getattr(plan, name) for name, value in given.items() if value is None}
    settings = {"images": IMAGES if args.images is None else args.images, "seed": args.seed} | given
    settings |= {"drop": args.drop}
    least = settings.pop("min_snr")
    wish = {name: getattr(args, name) for name in ("agree", "bf16", "clip_grad", "flip")}
    data = {"data": FOLDER, "pictures": own.digest} if isinstance(own, Folder) else {"data": args.data}
    data |= {"latent": True} if args.latent else {}
    wish |= data | settings | {"from": args.source, "min_snr": least}
    wish["drop"] = None if args.drop == DROP else args.drop
    return settings, wish if args.minutes is None else {k: v for k, v in wish.items() if k != "images"}


def _prepared(
    args: argparse.Namespace,
    plan: Recipe,
    own: Data,
    source: tuple[dict[str, Any], Denoiser] | None,
    paint: Autoencoder | None,
) -> tuple[Denoiser, Any, Tensor | None]:
    """The denoiser to train, and what `train` is given as x0 and y.

    ValueError if `source` was trained on pictures of another shape.
    """
    torch.manual_seed(args.seed)  # the network's first weights
    net = network(plan, own, args.latent) if source is None else cast(UNet | MLP, source[1].net)
    x0, y = _fed(args, own, net.config, paint)
    if source is None:
        clip = x0.reach if isinstance(x0, Captioned) and paint else 1.0
        return Denoiser(net, cosine(), plan.prediction, clip), x0, y
    card, denoiser = source
    if card["shape"] != own.shape:
        raise ValueError(f"{args.source} was trained on pictures of {card['shape']}, these are {own.shape}")
    return denoiser, x0, y


def _fed(
    args: argparse.Namespace, own: Data, config: dict[str, Any], paint: Autoencoder | None
) -> tuple[Any, Tensor | None]:
    """Pictures or their latents, with the words or the labels that the network is trained with."""
    words, told = config.get("words", []), texts(own, args.latent)
    numbers = [Vocabulary(words).known(text) for text in zip(*told, strict=True)] if words else []
    if paint is not None:
        mirrored = encoded(paint, own.images.flip(-1)) if args.flip else None
        return Captioned(encoded(paint, own.images), mirrored, numbers), None
    if isinstance(own, Emoji):
        return Captioned(Gaussian(own.images, 0.0), None, numbers), None
    y = numbers[0] if numbers else own.labels if config["classes"] else None
    if args.agree is not None:
        return agreed(own.images, y, args.agree, args.drop, bool(args.flip)), None
    return (labelled(own, y), None) if isinstance(own, Folder) else (own.images, y)


def _images(
    args: argparse.Namespace,
    denoiser: Denoiser,
    given: tuple[Any, Tensor | None],
    settings: dict[str, Any],
    extras: Extras,
    start: float,
    save: Path,
) -> int:
    """How many images are seen in what is left of --minutes; the run that is resumed knows it."""
    if args.resume and save.is_file():
        return int(checkpoints.card(save)["images"])
    trial = train(copy.deepcopy(denoiser), *given, **settings | {"images": 10**9}, extras=extras)
    left, device = 60 * args.minutes - (time.perf_counter() - start), next(denoiser.parameters()).device
    return images_in(left, settings["batch"], trial, device)


def _card(plan: Recipe, own: Data, paint: Autoencoder | None, settings: dict[str, Any]) -> dict[str, Any]:
    """What `sample` must know of a run, and how many images it sees."""
    card = {"shape": own.shape, "levels": own.levels, "images": settings["images"]}
    card |= {"steps": plan.steps, "walk": plan.walk, "guidance": plan.guidance}
    if paint is not None:
        card |= {"shape": list(paint.latents(own.images[:1])[1:]), "latent_of": own.shape}
    return card | ({"names": own.names} if isinstance(own, Folder) else {})


def _drawn(paint: Autoencoder, run: Run) -> Tensor:
    return paint.decode(few(run))


def _announce(denoiser: Denoiser, images: int, device: torch.device, last: int) -> None:
    weights, several = sum(p.numel() for p in denoiser.parameters()), parallel.count()
    where = f"{several} x {device.type}" if several > 1 else str(device)
    print(f"{images:,} images, {weights:,} weights, on {where}", flush=True)
    if last:
        print(f"resumed at {last} images", flush=True)


def _finished(target: Path, wish: dict[str, Any]) -> bool:
    """True if `target` is the result of the run that is to be resumed; FileExistsError otherwise."""
    card = checkpoints.card(target)
    if any(card.get(name) != value for name, value in wish.items()):
        raise FileExistsError(f"{target} would be written over; move it away, or give another --out")
    if parallel.first():
        print(f"finished already: {target}")
    return True


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
