"""Whether a text-to-image model of emoji draws what it is told: things, colours, pairs never seen together.

    python tests/benchmarks/words.py [--from emoji] [--n 1000] [--guidance 2] [--steps 20]

A classifier of head words with at least twelve pictures each (face, heart, book, square, ...) is trained on
four fifths of the names, a few minutes on one core, and kept in --kept; its accuracy on pictures of the
other names is the unit.  Then: is the head word read in samples of training prompts; is the colour word,
where there is one, the hue that most of the picture has; both, for the pairs that were held out of the
training in all styles; how far samples of one prompt are from each other, and from the nearest training
picture, beside the distance of two styles of one name (root mean square, grey levels of 256).
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm_core import ddim, last, sample
from ddpm_core.commands.models import model, painter
from ddpm_core.data import COMPOSITIONS, Emoji, emoji
from ddpm_core.study.colours import PURE, tint
from ddpm_core.study.metrics import grey_apart

LEAST, GREY = 12, 127.5


class Heads(NamedTuple):
    """The head words, and for each name that has one, which."""

    words: list[str]
    of: dict[str, int]


def heads(known: Emoji) -> Heads:
    """A name's head is its last word before "with"; those that at least LEAST pictures have count."""
    ends = [name.split(" with ")[0].split()[-1] for name in known.names]
    words = sorted(w for w in set(ends) if ends.count(w) >= LEAST)
    return Heads(words, {n: words.index(w) for n, w in zip(known.names, ends, strict=True) if w in words})


def network(classes: int, width: int = 32) -> nn.Sequential:
    """Pictures (B, 3, 32, 32) -> scores (B, classes)."""

    def layer(i: int, o: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(8, o), nn.SiLU())

    a, b, c = width, 2 * width, 4 * width
    return nn.Sequential(
        *(layer(3, a), nn.MaxPool2d(2), layer(a, b), layer(b, b), nn.MaxPool2d(2)),
        *(
            layer(b, c),
            layer(c, c),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(16 * c, classes),
        ),
    )


def moved(x: Tensor, g: torch.Generator) -> Tensor:
    """Each picture turned by up to 14 degrees, scaled by 15 %, shifted, and mirrored half of the times."""
    rand = lambda width: (torch.rand(len(x), generator=g) - 0.5) * width  # noqa: E731
    angle, scale, side = rand(0.5), 1 + rand(0.3), rand(1).sign()
    theta = torch.zeros(len(x), 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = angle.cos() * scale * side, -angle.sin() * scale
    theta[:, 1, 0], theta[:, 1, 1] = angle.sin() * scale * side, angle.cos() * scale
    theta[:, 0, 2], theta[:, 1, 2] = rand(0.3), rand(0.3)
    return (
        F.grid_sample(x - 1, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False)
        + 1
    )


def trained(x0: Tensor, y: Tensor, classes: int, steps: int = 1500, seed: int = 0) -> nn.Sequential:
    """A classifier; rare classes are seen more often than their share."""
    torch.manual_seed(seed)
    g, net = torch.Generator().manual_seed(seed), network(classes)
    often = (1 / torch.bincount(y, minlength=classes).clamp(min=1) ** 0.5)[y]
    optimizer = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        now = torch.multinomial(often, 64, True, generator=g)
        loss = F.cross_entropy(net(moved(x0[now], g)), y[now], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def judge(known: Emoji, words: Heads, kept: Path) -> tuple[nn.Sequential, float]:
    """The classifier, trained or as it was kept, and its accuracy on pictures of names it hasn't seen."""
    rows = torch.tensor([i for i, name in enumerate(known.names) if name in words.of])
    y, test = torch.tensor([words.of[known.names[i]] for i in rows]), known.test[rows]
    net = network(len(words.words)).eval()
    if kept.is_file():
        net.load_state_dict(torch.load(kept, weights_only=True))
    else:
        net = trained(known.images[rows[~test]], y[~test], len(words.words))
        kept.parent.mkdir(parents=True, exist_ok=True)
        torch.save(net.state_dict(), kept)
    return net, hits(net, known.images[rows[test]], y[test])


@torch.no_grad()
def hits(net: nn.Module, x: Tensor, y: Tensor) -> float:
    """The share of pictures that are read as y."""
    return (torch.cat([net(part).argmax(1) for part in x.split(200)]) == y).float().mean().item()


class Painter:
    """A model as one that draws texts."""

    def __init__(self, name: str, guidance: float | None, steps: int | None):
        card, self.denoiser = model(name, torch.device("cpu"))
        self.paint = painter(name, card, torch.device("cpu"))
        self.shape, self.steps = card["shape"], steps or card["steps"]
        self.guidance = card["guidance"] if guidance is None else guidance

    def __call__(self, texts: Sequence[str], seed: int) -> Tensor:
        """One picture to each text: (N, 3, 32, 32)."""
        g, parts = torch.Generator().manual_seed(seed), []
        for i in range(0, len(texts), 100):
            told = self.denoiser.guided(texts[i : i + 100], self.guidance)
            x_T = torch.randn(len(texts[i : i + 100]), *self.shape, generator=g)
            parts.append(self.paint(last(sample(told, x_T, told.schedule.times(self.steps), ddim)).xt))
        return torch.cat(parts)


def colour(text: str) -> str | None:
    """The only colour that a text names; None if it names none, or several."""
    named = [word for word in text.split() if word in PURE]
    return named[0] if len(named) == 1 else None


def apart(a: Tensor, b: Tensor) -> float:
    """Root mean square difference in grey levels."""
    return (a - b).square().mean().sqrt().item() * GREY


def nearest(x: Tensor, known: Emoji) -> float:
    """The mean distance to the nearest training picture."""
    return grey_apart(x, known.images).amin(1).mean().item()


def two_styles(known: Emoji) -> float:
    """The mean distance of two styles of one name."""
    by: dict[str, list[int]] = {}
    for i, name in enumerate(known.names):
        by.setdefault(name, []).append(i)
    pairs = [rows[:2] for rows in by.values() if len(rows) > 1]
    return sum(apart(known.images[a], known.images[b]) for a, b in pairs) / len(pairs)


def spread(draw: Painter, prompts: Sequence[str]) -> float:
    """The mean distance of three samples of a prompt from each other, over the prompts."""
    x = draw([p for p in prompts for _ in range(3)], 5).split(3)
    return sum(apart(a[i], a[j]) for a in x for i, j in ((0, 1), (0, 2), (1, 2))) / (3 * len(prompts))


def row(text: str, value: float, unit: float | None = None) -> None:
    """One line of the table, with the ratio to a unit if there is one."""
    print(f"{text:<58}{value:>8.3f}" + (f"{value / unit:>8.2f} of it" if unit else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="source", default="emoji")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--guidance", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--kept", type=Path, default=Path("runs/heads.pt"))
    args = parser.parse_args()
    whole = emoji()
    known, words = whole.where(~whole.held), heads(whole)
    net, real = judge(whole, words, args.kept)
    draw = Painter(args.source, args.guidance, args.steps)
    print(f"{len(words.words)} head words: {' '.join(words.words)}")
    row("head words read in real pictures of unseen names", real)

    prompts = [(n, s) for n, s in zip(known.names, known.styles, strict=True) if n in words.of]
    order = torch.randint(len(prompts), (args.n,), generator=torch.Generator().manual_seed(1)).tolist()
    asked = [prompts[i] for i in order]
    x = draw([f"{n} {s}" for n, s in asked], 0)
    row(
        f"in {args.n} samples of training prompts",
        hits(net, x, torch.tensor([words.of[n] for n, _ in asked])),
        real,
    )

    hued = [(n, s) for n, s, t in zip(known.names, known.styles, known.tints, strict=True) if colour(n) == t]
    hued = (hued * math.ceil(200 / len(hued)))[:200]
    met = [
        tint(a) == colour(n) for a, (n, _) in zip(draw([f"{n} {s}" for n, s in hued], 2), hued, strict=True)
    ]
    row(f"colour met in {len(met)} samples of prompts with one", sum(met) / len(met))

    pairs = [(c, s) for c in COMPOSITIONS for s in ("fluent", "noto", "twemoji")] * 8
    h = draw([f"{c} {s}" for c, s in pairs], 3)
    row(
        f"held-out pairs, {len(pairs)} samples: thing",
        hits(net, h, torch.tensor([words.of[c] for c, _ in pairs])),
        real,
    )
    met = [tint(a) == colour(c) for a, (c, _) in zip(h, pairs, strict=True)]
    row("their colour", sum(met) / len(met))
    for pair in COMPOSITIONS:
        rows = [i for i, (c, _) in enumerate(pairs) if c == pair]
        thing = hits(net, h[rows], torch.full((len(rows),), words.of[pair]))
        print(f"  {pair:<24}thing {thing:.2f}  colour {sum(met[i] for i in rows) / len(rows):.2f}")

    unit = two_styles(known)
    row("two styles of one name, grey levels apart", unit)
    every = sorted(set(known.names))
    some = [every[i] for i in torch.randperm(len(every), generator=torch.Generator().manual_seed(3))[:60]]
    row("three samples of a name apart, mean over 60 names", spread(draw, some), unit)
    row("of a name in one style, too", spread(draw, [f"{name} twemoji" for name in some]), unit)
    row("training prompts: nearest training picture", nearest(x, known), unit)
    row("held-out pairs: nearest training picture", nearest(h, known), unit)


if __name__ == "__main__":
    main()
