"""python -m ddpm_core sample: weights in, pictures out."""

import argparse
import io
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from .. import checks, files, pictures
from ..denoiser import Denoiser
from ..nets import MLP, UNet
from ..sampling import Frame, ancestral, ddim, dpm_2m, heun, randn, sample
from .models import LARGEST_SEED, model, painter, pick

FRAMES, MOST = 60, 400  # of a moving picture: how many states it shows, of how many pictures at most


WALKS: dict[str, Callable[..., Iterator[Frame]]] = {
    "ancestral": lambda denoiser, x_T, times, dice: sample(denoiser, x_T, times, ancestral, dice),
    "ddim": lambda denoiser, x_T, times, dice: sample(denoiser, x_T, times, ddim, dice),
    "2m": lambda denoiser, x_T, times, dice: dpm_2m(denoiser, x_T, times),
    "heun": lambda denoiser, x_T, times, dice: heun(denoiser, x_T, times),
}


class Walk(NamedTuple):
    """What was sampled: states that are kept, each (N, ...), the last one the samples; and their labels."""

    frames: list[Tensor]
    labels: Tensor | None


def add_sample(commands: Any) -> argparse.ArgumentParser:
    """Add the command `sample` to the parser's commands."""
    s = commands.add_parser("sample", help="sample, and leave a grid of pictures, a walk or an array in OUT")
    s.add_argument(
        "--from", dest="source", required=True, metavar="NAME", help="a folder, a file, or a model that ships"
    )
    s.add_argument("--n", type=int, help="how many (default: 64, or 16 with --words)")
    s.add_argument("--steps", type=int, help="how many reverse steps (default: what its card says, or all T)")
    s.add_argument("--labels", metavar="LABEL", help="balanced, or one class, for a model with labels")
    s.add_argument(
        "--guidance",
        type=float,
        metavar="W",
        help="how strongly to push towards them (default: its card's, or 1)",
    )
    s.add_argument("--words", metavar="TEXT", help="what to draw, for a model with words: 'green book'")
    s.add_argument("--against", metavar="TEXT", help="words to lead away from, with --words")
    s.add_argument("--walk", choices=WALKS, help="how to walk (default: what its card says, or ancestral)")
    s.add_argument("--batch", type=int, default=500, help="how many at once (default: %(default)s)")
    s.add_argument("--seed", type=int, default=0, help="of all pictures; the first are the same for any --n")
    s.add_argument(
        "--out",
        metavar="FILE",
        help="a new file: .png for a grid, .gif or .webp for the walk from noise to pictures, .npz for the "
        "arrays images and labels (default: samples.png, or samples-2.png, ...)",
    )
    s.set_defaults(run=_sample)
    return s


def _sample(args: argparse.Namespace) -> None:
    args.n = args.n if args.n is not None else 64 if args.words is None else 16
    for name, lowest in (("n", 1), ("batch", 1), ("seed", 0)):
        checks.whole(getattr(args, name), f"--{name}", lowest)
    checks.whole(args.seed, "--seed", 0, LARGEST_SEED)
    if args.guidance is not None:
        checks.real(args.guidance, "--guidance", -math.inf, math.inf)
    target, device = _target(args.out), pick(args.device)
    suffix = target.suffix.lower()
    moving = suffix in (".gif", ".webp")
    if moving:
        checks.whole(args.n, f"--n of a moving picture such as {target.name}", 1, MOST)
    card, denoiser = model(args.source, device)
    paint = painter(args.source, card, device)
    shape = card.get("latent_of", card["shape"])
    if suffix != ".npz" and (len(shape) != 3 or shape[0] not in (1, 3)):
        raise ValueError(f"--out {target}: data of shape {shape} can't be drawn; name it samples.npz")
    times = denoiser.schedule.times(card.get("steps") if args.steps is None else args.steps)
    labels = _labels(args.labels, args.n, card, cast(UNet | MLP, denoiser.net).config["classes"])
    if labels is None and args.words is None and args.guidance is not None:
        raise ValueError("--guidance pushes towards a label or words: give --labels or --words too")
    denoiser = _worded(args, card, denoiser)
    shown = set(times[:: max(1, len(times) // FRAMES)]) if moving else set()
    walk = _walked(args, denoiser, card, times, shown, labels, paint)
    WRITERS[suffix](target, walk)
    print(f"{args.n} images of {times[0]} .. 0 in {len(times) - 1} steps: {target}")


def _walked(
    args: argparse.Namespace,
    denoiser: Denoiser,
    card: dict[str, Any],
    times: list[int],
    shown: set[int],
    labels: Tensor | None,
    paint: Callable[[Tensor], Tensor],
) -> Walk:
    """Walk down `times`, a part of the pictures at a time, and keep the states at `shown`, and the last."""
    kept: dict[int, list[Tensor]] = {}
    like = next(denoiser.parameters()).new_empty(0)
    strength, name = _strength(args, card), args.walk or card.get("walk", "ancestral")
    if name not in WALKS:
        raise ValueError(f"{args.source} was meant for a walk {name!r}, which there isn't; give --walk")
    with tqdm(total=args.n * (len(times) - 1), unit=" steps", unit_scale=True) as bar:
        for part in torch.arange(args.n).split(args.batch):
            y = None if labels is None else labels[part].to(like.device)
            conditional = denoiser if y is None else denoiser.guided(y, strength)
            dice = [_die(args.seed, number) for number in part.tolist()]
            x_T = denoiser.schedule.start(randn(like.new_empty(len(part), *card["shape"]), dice))
            for frame in WALKS[name](conditional, x_T, times, dice):
                bar.update(len(part) if frame.x0 is not None else 0)
                if frame.t in shown or frame.t == times[-1]:
                    size = math.hypot(*denoiser.schedule.at(frame.t))  # 1 where variance is preserved
                    kept.setdefault(frame.t, []).append(paint(frame.xt / size).cpu())
    return Walk([torch.cat(parts) for parts in kept.values()], labels)


def _worded(args: argparse.Namespace, card: dict[str, Any], denoiser: Denoiser) -> Denoiser:
    """The denoiser with the words of --words fixed, if there are any; or ValueError."""
    if args.words is None:
        if args.against is not None:
            raise ValueError("--against leads away from words: give --words too")
        return denoiser
    if not getattr(denoiser.net, "config", {}).get("words"):
        raise ValueError("--words: this model was trained without words")
    with warnings.catch_warnings(record=True) as unknown:
        warnings.simplefilter("always")
        worded = denoiser.guided(args.words, _strength(args, card), args.against)
    for warning in unknown:
        print(warning.message, file=sys.stderr)
    return worded.to(next(denoiser.parameters()).device)


def _strength(args: argparse.Namespace, card: dict[str, Any]) -> float:
    """Of the guidance."""
    return float(card.get("guidance", 1.0)) if args.guidance is None else args.guidance


def _die(seed: int, number: int) -> torch.Generator:
    """A picture's own generator, so that it depends neither on --n nor on --batch."""
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % LARGEST_SEED)


def _target(out: str | None) -> Path:
    """A file that is not there yet and can be written; ValueError for a suffix that says nothing, OSError."""
    if out is None:
        names = (f"samples{f'-{n}' if n > 1 else ''}.png" for n in range(1, 1 << 30))
        target = next(path for path in map(Path, names) if not path.exists())
    else:
        target = Path(out)
    files.try_write(target)
    if target.suffix.lower() not in WRITERS:
        raise ValueError(
            f"--out {target}: name it .png for a grid, .gif or .webp for the walk, or .npz for an array"
        )
    if target.exists():
        raise FileExistsError(f"{target} would be written over; move it away, or give another --out")
    return target


def _labels(wish: str | None, n: int, card: dict[str, Any], classes: int | None) -> Tensor | None:
    """Labels (n,) for "balanced" or for one class, None for None.  ValueError for anything else."""
    if wish is None:
        return None
    if classes is None:
        raise ValueError("--labels: this model was trained without labels")
    if wish == "balanced":
        return torch.arange(n) % classes
    names = names if isinstance(names := card.get("names"), list) else []
    known = {str(k): k for k in range(classes)} | {str(name): k for k, name in enumerate(names[:classes])}
    if wish not in known:
        few = f" ({', '.join(map(str, names[:20]))}{', ...' if len(names) > 20 else ''})" if names else ""
        raise ValueError(f"--labels must be balanced or a class in 0..{classes - 1}{few}, got {wish!r}")
    return torch.full((n,), known[wish])


def _write_npz(target: Path, walk: Walk) -> None:
    file, arrays = io.BytesIO(), {"images": walk.frames[-1].numpy()}
    if walk.labels is not None:
        arrays["labels"] = walk.labels.numpy()
    # no allow_pickle=False here: numpy 2.0 would save it as an array
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    files.write(target, file.getvalue())


WRITERS: dict[str, Callable[[Path, Walk], None]] = {
    ".npz": _write_npz,
    ".png": lambda target, walk: pictures.write_grid(target, walk.frames[-1]),
    ".gif": lambda target, walk: pictures.write_walk(target, walk.frames),
    ".webp": lambda target, walk: pictures.write_walk(target, walk.frames),
}
