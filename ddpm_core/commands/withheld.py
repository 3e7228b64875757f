"""Labels that one doubts: which to withhold, and how often to show what has lost its label."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .. import checks, parallel
from ..data import Batch, mirrored, order
from ..study.metrics import agreement


class Thinned(NamedTuple):
    """Pictures with labels, -1 where one is withheld.  Those are shown less often, the share `drop` a round.

    For guidance, "no label" must stand for all data alike.  `train` shows a labelled picture without its
    label with the probability `drop`; one whose label is withheld has none each time it is shown.
    """

    images: Tensor  # (N, C, H, W)
    labels: Tensor  # (N,)
    drop: float
    flip: bool

    @property
    def digest(self) -> str:
        """How many there are, and a checksum."""
        some = slice(None, None, max(1, len(self.images) // 64))
        told = checks.digest(self.images[some], self.labels, torch.tensor(self.drop))
        return f"{len(self.images)} pictures, {int((self.labels < 0).sum())} without a label ({told})"

    def batches(self, size: int, seed: int, seen: int) -> Iterator[Batch]:
        """Batches of them, without end; they begin with the picture number `seen`."""
        sure, doubted = ((self.labels >= 0) == known for known in (True, False))
        sure, doubted = sure.nonzero()[:, 0], doubted.nonzero()[:, 0]
        few = round(self.drop * len(doubted))  # a round; the next round goes on with others
        n = len(sure) + few
        while True:
            place, rounds = order(seen, size, n, seed), torch.arange(seen, seen + size) // n
            turn = doubted[(rounds * few + place - len(sure)) % max(1, len(doubted))] if few else place
            now = torch.where(place < len(sure), sure[place.clamp(max=len(sure) - 1)], turn)
            x0 = self.images[now]
            if self.flip:
                x0 = mirrored(x0, seed, seen)
            yield Batch(x0, self.labels[now])
            seen += size


def agreed(images: Tensor, y: Tensor | None, least: float, drop: float, flip: bool = False) -> Thinned:
    """The pictures, with labels where at least the share `least` of a picture's ten nearest have the same.

    ValueError if there are no labels, or if none is left.
    """
    if y is None:
        raise ValueError("--agree: this network is trained without labels")
    withheld = agreement(images, y) < least
    if bool(withheld.all()):
        raise ValueError(f"--agree {least}: no picture has a label that so many of its neighbours share")
    if parallel.first():
        print(f"{int(withheld.sum()):,} of {len(y):,} labels withheld", flush=True)
    return Thinned(images, y.masked_fill(withheld, -1), drop, flip)
