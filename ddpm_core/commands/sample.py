"""python -m ddpm_core sample: weights in, pictures out."""

import argparse
import io
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .. import checks, files
from ..nets import MLP, UNet
from ..sampling import randn, sample
from .models import LARGEST_SEED, model, pick


def add_sample(commands: Any) -> argparse.ArgumentParser:
    """Add the command `sample` to the parser's commands."""
    s = commands.add_parser("sample", help="sample, and leave the array `images` in OUT (npz)")
    s.add_argument(
        "--from", dest="source", required=True, metavar="NAME", help="a folder, a file, or a model that ships"
    )
    s.add_argument("--n", type=int, default=64, help="how many (default: %(default)s)")
    s.add_argument("--steps", type=int, help="how many reverse steps (default: all T)")
    s.add_argument("--labels", help="balanced, or one class, for a model with labels")
    s.add_argument(
        "--guidance", type=float, metavar="W", help="how strongly to push towards them (default: 1, no more)"
    )
    s.add_argument("--batch", type=int, default=500, help="how many at once (default: %(default)s)")
    s.add_argument("--seed", type=int, default=0, help="of all pictures; the first are the same for any --n")
    s.add_argument("--out", required=True, metavar="FILE.npz", help="a new file")
    s.set_defaults(run=_sample)
    return s


def _sample(args: argparse.Namespace) -> None:
    for name, lowest in (("n", 1), ("batch", 1), ("seed", 0)):
        checks.whole(getattr(args, name), f"--{name}", lowest)
    checks.whole(args.seed, "--seed", 0, LARGEST_SEED)
    if args.guidance is not None:
        checks.real(args.guidance, "--guidance", -math.inf, math.inf)
    target, device = Path(args.out), pick(args.device)
    files.try_write(target)
    if target.suffix != ".npz":
        raise ValueError(f"--out {target}: samples are arrays, so name it samples.npz, for example")
    if target.exists():
        raise FileExistsError(f"{target} would be written over; move it away, or give another --out")
    card, denoiser = model(args.source, device)
    times = denoiser.schedule.times(args.steps)
    classes = cast(UNet | MLP, denoiser.net).config["classes"]
    labels = _labels(args.labels, args.n, classes)
    if labels is None and args.guidance is not None:
        raise ValueError("--guidance pushes towards a label: give --labels too")
    strength = 1.0 if args.guidance is None else args.guidance
    like = torch.empty(0, *card["shape"], device=device)
    parts: list[Tensor] = []
    with tqdm(total=args.n * (len(times) - 1), unit=" steps", unit_scale=True) as bar:
        for part in torch.arange(args.n).split(args.batch):
            y = None if labels is None else labels[part].to(device)
            conditional = denoiser if y is None else denoiser.guided(y, strength)
            dice = [_die(args.seed, number) for number in part.tolist()]
            x_T = randn(like.new_empty(len(part), *like.shape[1:]), dice)
            for frame in sample(conditional, x_T, times, generator=dice):
                bar.update(len(part) if frame.x0 is not None else 0)
            parts.append(frame.xt.clamp(-1, 1).cpu())
    arrays = {"images": torch.cat(parts).numpy()}
    if labels is not None:
        arrays["labels"] = labels.numpy()
    _write_npz(target, arrays)
    print(f"{args.n} images of {times[0]} .. 0 in {len(times) - 1} steps: {target}")


def _die(seed: int, number: int) -> torch.Generator:
    """A picture's own generator, so that it depends neither on --n nor on --batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % LARGEST_SEED)


def _labels(wish: str | None, n: int, classes: int | None) -> Tensor | None:
    """Labels (n,) for "balanced" or for one class, None for None.  ValueError for anything else."""
    if wish is None:
        return None
    if classes is None:
        raise ValueError("--labels: this model was trained without labels")
    if wish == "balanced":
        return torch.arange(n) % classes
    if not wish.isdecimal() or int(wish) >= classes:
        raise ValueError(f"--labels must be balanced or a class in 0..{classes - 1}, got {wish!r}")
    return torch.full((n,), int(wish))


def _write_npz(target: Path, arrays: dict[str, np.ndarray]) -> None:
    file = io.BytesIO()
    # no allow_pickle=False here: numpy 2.0 would save it as an array
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    files.write(target, file.getvalue())
