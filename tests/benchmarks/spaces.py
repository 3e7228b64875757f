"""Latents against pixels, and a transformer against a U-Net, at equal seconds of training and of sampling.

    python tests/benchmarks/spaces.py [--seconds 45] [--seeds 3] [--n 184] [--out runs/bench/spaces.json]

Trained is on emoji with one of the head words that `words.py` reads, in many colours, without the held-out
pairs; in latents with the autoencoder that ships, whose own training is not counted.  Seconds are those that
one thread's CPU was busy.  Each network is trained by the same loss (v, each level alike) with as many
pictures as it can see in that time; judged are samples of n training prompts in 20 DDIM steps with
guidance 2, and those in pixels also in as many steps as take the time of 20 in latents.  The transformers
make about as many multiplications as the U-Net in latents; one is told words as the U-Net is, by their sum,
one looks at them.  "thing": the share whose head word is read, in units of that of real pictures of names
unseen by the judge.  The table holds means over the seeds with their standard errors, the JSON every number.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from words import colour, heads, hits, judge

from ddpm_core import Denoiser, UNet, V, cosine, ddim, emoji, last, sample, train
from ddpm_core.data import Emoji
from ddpm_core.gaussian import Gaussian
from ddpm_core.study.colours import tint, varied
from ddpm_core.study.latents import Autoencoder, Captioned, encoded, pretrained_autoencoder
from ddpm_core.study.transformer import Transformer
from ddpm_core.training import Extras
from ddpm_core.words import Vocabulary, vocabulary

BATCH, STEPS, GUIDANCE = 64, 20, 2.0


class Arm(NamedTuple):
    """A network to compare: how it is made of the words that it knows, in which space, at which rate."""

    net: Callable[[list[str]], nn.Module]
    latent: bool
    lr: float
    bf16: bool


ARMS = {
    "U-Net in latents": Arm(lambda w: UNet(4, width=48, mults=(1, 4), words=w), True, 3e-3, True),
    "U-Net in pixels": Arm(lambda w: UNet(3, width=24, mults=(1, 2, 4, 6), words=w), False, 3e-3, True),
    "transformer, words summed": Arm(
        lambda w: Transformer(width=216, depth=6, heads=6, words=w, cross=False), True, 1e-3, False
    ),
    "transformer, attends to words": Arm(
        lambda w: Transformer(width=192, depth=6, heads=6, words=w), True, 1e-3, False
    ),
}


class Course(NamedTuple):
    """What all arms have in common: pictures with words, the autoencoder, and seconds to train."""

    own: Emoji
    words: list[str]
    paint: Autoencoder
    seconds: float


def fed(course: Course, latent: bool) -> Captioned:
    """Pictures or their latents, with their words."""
    numbers = [Vocabulary(course.words).known(text) for text in zip(*course.own.captions, strict=True)]
    q = encoded(course.paint, course.own.images) if latent else Gaussian(course.own.images, 0.0)
    return Captioned(q, None, numbers)


def trained(course: Course, arm: Arm, seed: int) -> tuple[Denoiser, int]:
    """A denoiser after so many seconds, and how many pictures it has seen."""
    torch.manual_seed(seed)
    data = fed(course, arm.latent)
    denoiser = Denoiser(arm.net(course.words), cosine(), V(), data.reach if arm.latent else 1.0)
    how: dict[str, Any] = {
        "batch": BATCH,
        "lr": arm.lr,
        "ema": 0.99,
        "seed": seed,
        "extras": Extras(arm.bf16),
    }
    trial = train(copy.deepcopy(denoiser), data, images=10**9, **how)
    for _ in range(5):
        next(trial)
    start = time.process_time()
    for _ in range(15):
        next(trial)
    images = BATCH * int(course.seconds * 15 / (time.process_time() - start))
    for _ in train(denoiser, data, images=images, **how):
        pass
    return denoiser, images


def drawn(denoiser: Denoiser, texts: list[str], steps: int, paint: Callable[[Tensor], Tensor]) -> Tensor:
    """A picture to each text: (N, 3, 32, 32)."""
    shape = (4, 8, 8) if isinstance(paint, nn.Module) else (3, 32, 32)
    g, parts = torch.Generator().manual_seed(0), []
    for i in range(0, len(texts), 92):
        told = denoiser.guided(texts[i : i + 92], GUIDANCE)
        x_T = torch.randn(len(texts[i : i + 92]), *shape, generator=g)
        x = last(sample(told, x_T, told.schedule.times(steps), ddim)).xt
        parts.append(paint.decode(x) if isinstance(paint, Autoencoder) else paint(x))
    return torch.cat(parts).detach()


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns, and the seconds of CPU that it takes."""
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def flops(arm: Arm, words: list[str]) -> float:
    """Millions of multiplications and additions for one picture, in one pass."""
    net = arm.net(words)
    shape = (4, 8, 8) if arm.latent else (3, 32, 32)
    with FlopCounterMode(display=False) as counter:
        net(torch.randn(4, *shape), torch.ones(4).long(), torch.zeros(4, 4).long())
    return counter.get_total_flops() / 4e6


Read = Callable[[Tensor], dict[str, float]]


def measured(
    course: Course, name: str, seed: int, texts: list[str], read: Read, equal: float
) -> dict[str, dict[str, float]]:
    """One network's numbers, in 20 steps; of pixels also in the seconds that 20 steps in latents took."""
    arm = ARMS[name]
    denoiser, images = trained(course, arm, seed)
    paint: Any = course.paint if arm.latent else (lambda x: x.clamp(-1, 1))
    made, took = timed(lambda: drawn(denoiser, texts, STEPS, paint))
    found = {name: {"images": images, "steps": STEPS, "seconds": took} | read(made)}
    if not arm.latent:
        fewer = max(2, round(STEPS * equal / took))
        made, took = timed(lambda: drawn(denoiser, texts, fewer, paint))
        found[f"{name}, as quick"] = {"images": images, "steps": fewer, "seconds": took} | read(made)
    return found


def table(runs: list[dict[str, dict[str, float]]]) -> str:
    """The means over the seeds with their standard errors, a row for each network."""
    heads_ = ("images", "steps", "seconds", "thing", "colour")
    lines = ["| | " + " | ".join(heads_) + " |", "|:--" + "|--:" * len(heads_) + "|"]
    for name in runs[0]:
        cells = []
        for head in heads_:
            values = [run[name][head] for run in runs]
            error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
            digits = 3 if head in ("thing", "colour") else 1 if head == "seconds" else 0
            cells.append(f"{statistics.mean(values):,.{digits}f} ± {error:,.{digits}f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=45)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n", type=int, default=184)
    parser.add_argument("--kept", type=Path, default=Path("runs/heads.pt"))
    parser.add_argument("--out", type=Path, default=Path("runs/bench/spaces.json"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    whole = emoji()
    known, words = whole.where(~whole.held), heads(whole)
    net, real = judge(whole, words, args.kept)
    mine = known.where(torch.tensor([name in words.of for name in known.names]))
    own = varied(mine)
    said = vocabulary(text for told in own.captions for text in told)
    course = Course(own, said, pretrained_autoencoder("emoji"), args.seconds)
    order = torch.randint(len(own.names), (args.n,), generator=torch.Generator().manual_seed(1)).tolist()
    names, styles = [own.names[i] for i in order], [own.styles[i] for i in order]
    hued = [k for k, i in enumerate(order) if own.tints[i] and colour(own.names[i]) == own.tints[i]]
    head = torch.tensor([words.words.index(n.split(" with ")[0].split()[-1]) for n in names])

    def read(x: Tensor) -> dict[str, float]:
        met = [tint(x[k]) == colour(names[k]) for k in hued]
        return {"thing": hits(net, x, head) / real, "colour": sum(met) / len(met)}

    print(
        f"{len(own.names):,} pictures, {len(said)} words, {len(hued)} prompts with a colour; real {real:.3f}"
    )
    for name, arm in ARMS.items():
        print(f"{name}: {flops(arm, course.words):.0f} million operations a pass")
    texts = [f"{n} {s}" for n, s in zip(names, styles, strict=True)]
    runs: list[dict[str, dict[str, float]]] = []
    args.out.parent.mkdir(parents=True, exist_ok=True)
    for seed in range(args.seeds):
        found: dict[str, dict[str, float]] = {}
        for name in ARMS:
            equal = found["U-Net in latents"]["seconds"] if found else 0.0
            found |= measured(course, name, seed, texts, read, equal)
            print(seed, name, found[name], flush=True)
        runs.append(found)
        args.out.write_text(json.dumps(runs, indent=1) + "\n")
    print(table(runs))


if __name__ == "__main__":
    main()
