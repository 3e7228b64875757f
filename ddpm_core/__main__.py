"""The package from the command line: python -m ddpm_core train | sample | evaluate."""

import argparse
import io
import math
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from . import checkpoints, checks, data, elbo, files, parallel
from .denoiser import Denoiser
from .nets import MLP, UNet
from .prediction import Eps, Prediction, V
from .sampling import randn, sample
from .schedule import cosine
from .study import calibrated
from .study.metrics import agreement
from .training import Extras, train, watch


class Recipe(NamedTuple):
    """The defaults for a data set: how to read it, which network, how to train it."""

    read: Callable[[], tuple[data.Dataset, data.Dataset]]
    net: Callable[[], UNet]
    prediction: Prediction
    batch: int
    lr: float
    ema: float


RECIPES = {
    "digits": Recipe(data.digits, UNet, Eps(), 64, 4e-3, 0.999),
    "mnist": Recipe(
        data.mnist, lambda: UNet(width=16, mults=(1, 3, 6), blocks=2, classes=10), V(), 64, 3e-3, 0.9995
    ),
}

Commands = Any  # argparse has no public name for what add_subparsers returns
LARGEST_SEED = (1 << 63) - 1
FREE = {"images", "shape", "levels"}  # in the card of a run, not compared with what it is resumed with
STEPS, CALIBRATION = 100, 500  # of `evaluate`: default number of steps; training pictures for the variances


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 after an error (one line on stderr), or 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"stopped{stop}", file=sys.stderr)
        return 130
    return 0


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
    card, denoiser = _model(name, device)
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
    card, denoiser = _model(args.source, device)
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


def _evaluate(args: argparse.Namespace) -> None:
    for name, lowest in (("n", 2), ("seed", 0)):
        checks.whole(getattr(args, name), f"--{name}", lowest)
    checks.whole(args.seed, "--seed", 0, LARGEST_SEED)
    device = pick(args.device)
    card, denoiser = _model(args.source, device)
    if not {"data", "levels"} <= card.keys():
        raise ValueError(
            f"{args.source} doesn't say which data it was trained on: nothing to evaluate it with"
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


def _model(name: str, device: torch.device) -> tuple[dict[str, Any], Denoiser]:
    """The card and the denoiser of a run's folder, a file, or a model that ships; or ValueError."""
    source = _file(name)
    card, denoiser = checkpoints.card(source), checkpoints.load(source)
    config = cast(UNet | MLP, denoiser.net).config
    if "shape" not in card and "d" in config:
        card["shape"] = [config["d"]]
    if "shape" not in card:
        raise ValueError(
            f"{source} doesn't say how large its pictures are; save them with it: "
            "save(denoiser, path, shape=[1, 28, 28])"
        )
    sizes = [*card["shape"], card.get("levels", 2)] if isinstance(card.get("shape"), list) else [None]
    if card.get("data", "digits") not in RECIPES or not all(type(n) is int and 0 < n <= 4096 for n in sizes):
        raise ValueError(f"{source} says nothing that makes sense of the pictures it was trained on: {card}")
    if sizes[0] != (wanted := config.get("channels", config.get("d"))):
        raise ValueError(f"{source} holds a network for {wanted} channels, its card says {sizes[0]}: {card}")
    return card, denoiser.to(device)


def _file(name: str) -> Path:
    """The file of weights that `name` means: that of a run's folder, a file itself, or a model that ships."""
    source = Path(name)
    if source.is_dir():
        model, run = source / "model.safetensors", source / "run.safetensors"
        return run if run.is_file() and not model.is_file() else model
    if source.is_file():
        return source
    if source.suffix or len(source.parts) > 1:
        raise FileNotFoundError(f"{source} is missing")
    return checkpoints.shipped(name)


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


def pick(name: str) -> torch.device:
    """The device of that name; "auto" picks the best there is.  ValueError if torch doesn't see it."""
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    there["cpu"] = lambda: True
    if name == "auto":
        return torch.device(next(device for device, found in there.items() if found()))
    if not there[name]():
        raise ValueError(f"--device {name}: torch sees no such device here; try --device auto")
    return torch.device(name)


def _write_npz(target: Path, arrays: dict[str, np.ndarray]) -> None:
    file = io.BytesIO()
    # no allow_pickle=False here: numpy 2.0 would save it as an array
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    files.write(target, file.getvalue())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ddpm_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="train | sample | evaluate")

    for add in (_train_parser, _sample_parser, _evaluate_parser):
        command = add(commands)
        command.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    return parser


def _train_parser(commands: Commands) -> argparse.ArgumentParser:
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


def _sample_parser(commands: Commands) -> argparse.ArgumentParser:
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


def _evaluate_parser(commands: Commands) -> argparse.ArgumentParser:
    e = commands.add_parser("evaluate", help="print the bound on -log p of test pictures, by term")
    e.add_argument(
        "--from", dest="source", required=True, metavar="NAME", help="a folder, a file, or a model that ships"
    )
    e.add_argument("--n", type=int, default=100, help="how many test pictures (default: %(default)s)")
    e.add_argument("--steps", type=int, help=f"how many steps (default: {STEPS})")
    e.add_argument("--seed", type=int, default=0)
    e.set_defaults(run=_evaluate)
    return e


if __name__ == "__main__":
    sys.exit(main())
