"""A small diffusion transformer: patches, their places, attention, norms that the time and the words adapt.

    net = Transformer(channels=4, size=8, words=vocabulary(texts))
    Denoiser(net, cosine(), V(), clip=5.7)      in the place of the U-Net

Peebles & Xie 2023 (DiT); attention to words as in Chen et al. 2024 (PixArt-alpha); Vaswani et al. 2017.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nets import Embedding, embed, zero


def attend(q: Tensor, k: Tensor, v: Tensor, known: Tensor | None = None) -> Tensor:
    """What each query gets of the values, in the shares softmax(q k^T / sqrt(d)): (B, P, e).

    q: queries (B, P, d); k: keys (B, L, d); v: values (B, L, e); known: bool (B, L), false for keys that
    nobody may look at.  Where nothing is known, a query gets 0.
    """
    scores = q @ k.mT / q.shape[-1] ** 0.5  # (B, P, L)
    if known is None:
        return scores.softmax(-1) @ v
    nothing = ~known.any(1)[:, None, None]
    scores = scores.masked_fill(~known[:, None] & ~nothing, -torch.inf)
    return scores.softmax(-1).masked_fill(nothing, 0.0) @ v


def patches(x: Tensor, p: int) -> Tensor:
    """Squares of p x p pixels as rows, left to right, then down: (B, C, H, W) -> (B, H W / p^2, C p^2)."""
    return F.unfold(x, p, stride=p).mT


def unpatched(tokens: Tensor, p: int, shape: Sequence[int]) -> Tensor:
    """Back from `patches` to pictures of this shape (B, C, H, W)."""
    return F.fold(tokens.mT, tuple(shape[-2:]), p, stride=p)


def place_codes(rows: int, columns: int, width: int) -> Tensor:
    """A code for each place, half of the row and half of the column, by `embed`: (places, width)."""
    y, x = (
        each.flatten() for each in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    )
    return torch.cat([embed(y, width // 2), embed(x, width // 2)], 1)


class Heads(nn.Module):
    """Attention by several heads: each looks with a part of the numbers, and what they bring is mixed."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.q = heads, nn.Linear(width, width)
        self.kv, self.out = nn.Linear(width, 2 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, source: Tensor, known: Tensor | None = None) -> Tensor:
        """x: (B, P, width) looks at source (B, L, width), itself or words -> (B, P, width)."""
        parts = (self.q(x), *self.kv(source).chunk(2, -1))
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)  # (B, heads, ., .)
        mask = None if known is None else known[:, None, None]
        return self.out(F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Patches look at each other, then at the words, and then each thinks for itself; around skips.

    What `look` and `think` get is normed, then scaled and shifted by what the code says, and gates say how
    much of theirs is added.  `read` gets patches and words as they are, and has no gate.
    """

    def __init__(self, width: int, heads: int, words: bool):
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.adapt = zero(nn.Linear(width, 6 * width))
        self.look, self.read = Heads(width, heads), Heads(width, heads) if words else None
        if self.read:
            zero(self.read.out)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU("tanh"), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, e: Tensor, words: Tensor | None, known: Tensor | None) -> Tensor:
        """x: (B, P, width), e: (B, width), words: (B, L, width), known: (B, L) -> (B, P, width)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adapt(e)[:, None].chunk(6, -1)
        h = self.norm(x) * (1 + scale1) + shift1
        x = x + gate1 * self.look(h, h)
        if self.read is not None and words is not None:
            x = x + self.read(x, words, known)
        return x + gate2 * self.think(self.norm(x) * (1 + scale2) + shift2)


class Transformer(nn.Module):
    """A transformer for pictures or latents of one size, in the place of a `UNet`.

    channels, size: of a picture, size x size; patch: a side of the squares that it is cut into; width: how
    many numbers describe one, a multiple of 4 and of heads; depth: how many blocks; words: those that it
    knows (`words.Vocabulary` numbers them), summed into the time's code as in a U-Net; cross: whether each
    patch looks at the single words as well.
    """

    def __init__(
        self,
        channels: int = 4,
        size: int = 8,
        patch: int = 2,
        width: int = 192,
        depth: int = 6,
        heads: int = 6,
        words: Sequence[str] = (),
        cross: bool = True,
    ):
        super().__init__()
        if size % patch or width % 4 or width % heads:
            raise ValueError(
                f"size must be a multiple of patch, and width one of 4 and of heads, got size {size}, "
                f"patch {patch}, width {width}, heads {heads}"
            )
        self.config: dict[str, Any] = {"channels": channels, "size": size, "patch": patch, "width": width}
        self.config |= {"depth": depth, "heads": heads, "words": list(words), "cross": cross}
        self.patch, self.shape = patch, (channels, size, size)
        self.embedding = Embedding(width, None, len(words))
        self.enter = nn.Linear(channels * patch**2, width)
        self.places: Tensor
        self.register_buffer("places", place_codes(size // patch, size // patch, width), persistent=False)
        self.blocks = nn.ModuleList(Block(width, heads, bool(words) and cross) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.leave = zero(nn.Linear(width, channels * patch**2))

    def forward(self, xt: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """xt: (B, channels, size, size), t: (B,), y: numbers of words (B, L), -1 for none -> like xt.

        ValueError for pictures of another shape.
        """
        if xt.shape[1:] != self.shape:
            raise ValueError(f"pictures must have shape (B, {self.shape}), got {tuple(xt.shape)}")
        e = self.embedding(t, y)
        words, known = self._read(torch.full_like(t, -1)[:, None] if y is None else y)
        x = self.enter(patches(xt, self.patch)) + self.places  # (B, P, width)
        for block in self.blocks:
            x = block(x, e, words, known)
        return unpatched(self.leave(self.norm(x)), self.patch, xt.shape)

    def _read(self, y: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """The vectors of the words, and which of them are there; the first one says nothing, and is there."""
        if self.embedding.label is None:
            return None, None
        y = torch.cat([torch.full_like(y[:, :1], -1), y], 1)
        known = y >= 0
        known[:, 0] = True
        return self.embedding.label(y + 1), known
