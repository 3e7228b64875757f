"""How much of what the emoji's model draws is memory: distances to the whole training set.

    python tests/benchmarks/memory.py [--n 400]

For n training pictures a sample is drawn of the name with its style, and one of the name alone.  Printed is
how far samples are from the nearest picture that the model has seen, recoloured copies among them; beside
it, how far the pictures themselves are from the nearest *other* one, without their own copies.  A copy is a
sample less than half as far as that, for the same picture.  What the rule says of real pictures is printed
too: of those pictures when encoded and decoded, and of what another style draws for the same name.  Root mean
squares, in grey levels of 256.
"""

import argparse

import torch
from torch import Tensor
from words import Painter

from ddpm_core import emoji
from ddpm_core.data import Emoji
from ddpm_core.study.colours import varied
from ddpm_core.study.latents import pretrained_autoencoder
from ddpm_core.study.metrics import grey_apart

SAME = 1.0  # grey levels; nearer, and two pictures are one, up to rounding


def alike(known: Emoji, every: Emoji, k: int) -> Tensor:
    """Which of `every` are picture k of `known`, or k in another colour."""
    own = varied(known.where(torch.arange(len(known.names)) == k)).images
    return (grey_apart(every.images, own) < SAME).any(1)


@torch.no_grad()
def told(known: Emoji, every: Emoji, rows: list[int], own: Tensor, others: Tensor) -> None:
    """Print how the rule judges real pictures in the place of samples."""
    paint = pretrained_autoencoder("emoji")
    back = grey_apart(paint.decode(paint.encode(known.images[rows]).mean), every.images)
    blurred = back.masked_fill(own, torch.inf).amin(1)
    print(
        f"encoded and decoded: {blurred.mean():.1f}; {100 * (blurred < others / 2).float().mean():.0f} of 100"
    )
    found = []
    for k, other in zip(rows, others, strict=True):
        styles = [j for j, name in enumerate(known.names) if name == known.names[k] and j != k]
        for j in styles[:1]:
            alone = grey_apart(known.images[[j]], every.images).masked_fill(
                alike(known, every, j)[None], torch.inf
            )
            found.append((alone.min(), alone.min() < other / 2))
    distance, copies = (torch.tensor(each).float().mean() for each in zip(*found, strict=True))
    print(f"the same name in another style: {distance:.1f}; {100 * copies:.0f} of 100 copies")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=400)
    parser.add_argument("--from", dest="source", default="emoji")
    args = parser.parse_args()
    whole = emoji()
    known = whole.where(~whole.held)
    every, held = varied(known), whole.images[whole.held]
    rows = torch.randperm(len(known.names), generator=torch.Generator().manual_seed(2))[: args.n].tolist()
    own = torch.stack([alike(known, every, k) for k in rows])
    others = grey_apart(known.images[rows], every.images).masked_fill(own, torch.inf).amin(1)
    print(
        f"{len(every.names):,} pictures; {len(rows)} of them are {others.mean():.1f} from the nearest other"
    )
    print(
        f"the {len(held)} held out are {grey_apart(held, every.images).amin(1).mean():.1f} from the nearest"
    )
    told(known, every, rows, own, others)
    draw = Painter(args.source, None, None)
    for kind in ("with a style", "without"):
        texts = [f"{known.names[k]} {known.styles[k]}" if kind != "without" else known.names[k] for k in rows]
        distance, nearest = grey_apart(draw(texts, 0), every.images).min(1)
        found, copies = own[torch.arange(len(rows)), nearest], distance < others / 2
        print(
            f"samples {kind}: {distance.mean():.1f} from the nearest; in {100 * found.float().mean():.0f} of "
            f"100 that is the picture asked for, or its copy; {100 * copies.float().mean():.0f} are copies"
        )


if __name__ == "__main__":
    main()
