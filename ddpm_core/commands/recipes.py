"""What a network is trained on from the command line, and how, unless one says otherwise."""

import argparse
import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from .. import data, parallel
from ..folders import FITS, Folder, folder, losses
from ..nets import UNet
from ..prediction import Eps, Prediction, V
from ..study.colours import varied
from ..words import vocabulary

DROP = 0.1  # the share of pictures that are shown without a label
FOLDER = "folder"  # what a card calls the data of a folder
OPTIONS = ("size", "fit", "background", "flip", "grey")  # of `train`, for a folder only
TEXT = (".txt", ".csv")  # suffixes of files that are not missed among pictures
MULTS = (1, 1, 1, 2, 4, 6)  # the widths of a folder's network, down to 4x4
LATENT = {"channels": 4, "width": 48, "mults": (1, 4)}  # of the network for latents
Labelled = data.Dataset | Folder
Data = Labelled | data.Emoji


class Recipe(NamedTuple):
    """The defaults for a data set: how to read it, which network, how to train it.

    steps: in how many steps to sample, if nothing else is asked for; None for all.  walk, guidance: how.
    """

    read: Callable[[], tuple[Data, ...]]  # to train on, and to test with, if there is any
    net: Callable[[Data], UNet]
    prediction: Prediction
    batch: int
    lr: float
    ema: float
    min_snr: float | None = None
    steps: int | None = None
    walk: str = "ancestral"
    guidance: float = 1.0


def _emoji() -> tuple[data.Emoji, data.Emoji]:
    """Those to train on, in many colours, and those with a colour and a thing never seen together."""
    known = data.emoji()
    return varied(known.where(~known.held)), known.where(known.held)


RECIPES = {
    "digits": Recipe(data.digits, lambda _: UNet(), Eps(), 64, 4e-3, 0.999),
    "mnist": Recipe(
        data.mnist, lambda _: UNet(width=16, mults=(1, 3, 6), blocks=2, classes=10), V(), 64, 3e-3, 0.9995
    ),
    "emoji": Recipe(_emoji, lambda own: _net(own), V(), 128, 3e-3, 0.9995, None, 20, "ddim", 2.0),
}


def recipe(args: argparse.Namespace, like: list[int] | None) -> Recipe:
    """The recipe that `--data` means.  like: the shape of the pictures that `--from` was trained on, if any.

    ValueError or OSError for a folder that there isn't, or with which something is wrong.
    """
    given = [f"--{name}" for name in OPTIONS if getattr(args, name) is not None]
    if args.data in RECIPES:
        if given:
            raise ValueError(f"{given[0]} is for a folder of one's own pictures, not for {args.data}")
        return RECIPES[args.data]
    root = Path(args.data).expanduser()
    if not root.exists():
        names = " or ".join(RECIPES)
        raise FileNotFoundError(f"--data {args.data}: there is no such folder; or name {names}")
    if root.resolve() in (Path(args.out) / "model.safetensors").resolve().parents:
        raise ValueError(f"--out {args.out} is in the folder of pictures, {root}; name one outside")
    return Recipe(lambda: (_own(args, root, like or [3, 32, 32]),), _net, V(), 64, 3e-3, 0.999, 5.0, 100)


def texts(own: Data, latent: bool) -> list[list[str]]:
    """The texts to each of the pictures, one or more; none where there are only labels, or nothing.

    In latents a label is a word like others.
    """
    if isinstance(own, data.Emoji):
        return own.captions
    if isinstance(own, Folder) and own.words:
        return [[text] for text in own.words]
    if not latent or own.labels is None:
        return []
    names = own.names if isinstance(own, Folder) else [str(k) for k in range(int(own.labels.max()) + 1)]
    return [[names[k] if k >= 0 else ""] for k in own.labels.tolist()]


def network(plan: Recipe, own: Data, latent: bool) -> UNet:
    """The network for the pictures, or for their latents, with the words of their texts."""
    if not latent:
        return plan.net(own)
    return UNet(**LATENT, words=vocabulary(said for told in texts(own, latent) for said in told))  # type: ignore[arg-type]


def labelled(own: Labelled, y: Tensor | None) -> Labelled:
    """The same data with other labels, or none."""
    return replace(own, labels=y) if isinstance(own, Folder) else own._replace(labels=y)  # type: ignore[arg-type]


def _own(args: argparse.Namespace, root: Path, like: list[int]) -> Folder:
    """The pictures in a folder; what is made of them, and what isn't, is printed."""
    size = like[-1] if args.size is None else args.size
    background = "white" if args.background is None else args.background
    fit, channels = args.fit or "crop", 1 if args.grey else like[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is printed instead
        own = folder(
            root, size, fit=FITS[fit], background=background, channels=channels, flip=args.flip or False
        )
    part = {"crop": "the square in the middle of each", "pad": f"all of each, on {background}"}[fit]
    said = [losses(own), f"{part}, {size}x{size}, kept in {own.kept}"]
    if own.labels is not None:
        more = f", and {len(own.names) - 20} more" if len(own.names) > 20 else ""
        said.append(f"labels, by subfolder: {', '.join(own.names[:20])}{more}")
    if own.words:
        said.append(f"words to {sum(map(bool, own.words)):,} of {len(own):,} pictures")
    if ignored := [
        f"{n:,} {kind or 'without a suffix'}" for kind, n in own.others.items() if kind not in TEXT
    ]:
        said.append(f"other files, not read: {', '.join(ignored)}")
    if parallel.first():
        print(*filter(None, said), sep="\n", flush=True)
    return own


def _net(own: Data) -> UNet:
    """A U-Net for pictures of any size, each level half as large as the one before, down to about 4x4."""
    channels, _, size = own.shape
    levels = max(2, 1 + round(math.log2(size / 4)))
    words = vocabulary(text for told in texts(own, latent=False) for text in told)
    classes = len(own.names) if isinstance(own, Folder) and not words else None
    return UNet(channels, width=24, mults=MULTS[-levels:], classes=classes or None, words=words)
