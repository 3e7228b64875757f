"""Networks (x_t, t) or (x_t, t, y) -> output of x_t's shape."""

import math
from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import checks


def embed(t: Tensor, width: int) -> Tensor:
    """Sines and cosines of t at geometric frequencies.  t: (B,) -> (B, width).  Vaswani et al. 2017, 3.5."""
    half = width // 2
    frequency = torch.exp(-math.log(10_000) * torch.arange(half, device=t.device) / half)
    angle = t[:, None].float() * frequency  # (B, half)
    return torch.cat([angle.sin(), angle.cos()], 1)


class Embedding(nn.Module):
    """Time, and a label or words where there are any, as one vector: (B, width)."""

    def __init__(self, width: int, classes: int | None, words: int = 0):
        super().__init__()
        if width % 2:
            raise ValueError(f"the width must be even, one half for sines and one for cosines, got {width}")
        self.width = width
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.label = nn.Embedding(classes + 1, width) if classes else None  # row 0: no label
        if words:
            self.label = nn.Embedding(words + 1, width, padding_idx=0)  # row 0: no word, always 0

    def forward(self, t: Tensor, y: Tensor | None) -> Tensor:
        """t: (B,); y: (B,), or (B, L) of words, with -1 for none; or None -> (B, width)."""
        e: Tensor = self.time(embed(t, self.width).to(cast(nn.Linear, self.time[0]).weight.dtype))
        if self.label is not None:
            told = self.label(torch.full_like(t, 0) if y is None else y + 1)
            e = e + (told.sum(1) if told.ndim == 3 else told)  # (B, L, width): the sum of the words
        elif y is not None:
            raise ValueError("this network was made without classes and words: it takes no labels")
        return F.silu(e)


class SiLU(nn.SiLU):
    """In place where no gradient is kept, which saves a tenth of a forward pass."""

    def forward(self, x: Tensor) -> Tensor:
        """(...) -> (...)."""
        return F.silu(x, inplace=not torch.is_grad_enabled())


class Block(nn.Module):
    """Two convolutions with the embedding added between them, around a skip; a lean one has one norm.

    attention: whether it ends with `Attention`.
    """

    def __init__(self, c_in: int, c_out: int, width: int, lean: bool, attention: bool = False):
        super().__init__()
        self.norm1, self.conv1 = norm(c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.shift = nn.Linear(width, c_out)
        self.norm2 = nn.Identity() if lean else norm(c_out)
        self.conv2 = zero(nn.Conv2d(c_out, c_out, 3, padding=1))
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()
        self.act, self.attend = SiLU(), Attention(c_out) if attention else nn.Identity()

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """x: (B, c_in, H, W), e: (B, width) -> (B, c_out, H, W)."""
        h = self.conv1(self.act(self.norm1(x))).add_(self.shift(e)[:, :, None, None])
        return self.attend(self.conv2(self.act(self.norm2(h))).add_(self.skip(x)))


class Attention(nn.Module):
    """Each pixel looks at all others, around a skip: self-attention, one head.  Ho et al. 2020, app. B."""

    def __init__(self, c: int):
        super().__init__()
        self.norm, self.qkv, self.out = norm(c), nn.Conv2d(c, 3 * c, 1), zero(nn.Conv2d(c, c, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, c, H, W) -> (B, c, H, W)."""
        q, k, v = self.qkv(self.norm(x)).flatten(2).mT[:, None].chunk(3, -1)  # (B, 1, H W, c) each
        return x + self.out(F.scaled_dot_product_attention(q, k, v)[:, 0].mT.reshape(x.shape))


class UNet(nn.Module):
    """A small U-Net for pictures of any size, grey or colour.

    channels: of the pictures; width: of the first level; mults: one factor for each level, each half the
    size of the one above; blocks: on each level, down as well as up; classes: how many labels there are,
    None for none; words: those that it knows, instead of classes (`words.Vocabulary` numbers them).
    lean: coming up, a level takes the mean with what was seen going down, and a block has one norm; False to
    concatenate and have two, as Ho et al. 2020 do, for half as much work again.
    attention: levels, 0 the first, whose blocks end with self-attention; with any, the middle's does, too.
    Theirs is the level of 16x16.  (Their dropout is in neither.)
    The defaults suit the 8x8 digits: narrow where pixels are many, wide where they are few.
    """

    def __init__(
        self,
        channels: int = 1,
        width: int = 16,
        mults: tuple[int, ...] = (1, 4),
        blocks: int = 1,
        classes: int | None = None,
        lean: bool = True,
        attention: tuple[int, ...] = (),
        words: Sequence[str] = (),
    ):
        super().__init__()
        attention = tuple(checks.whole(k, "a level of attention", 0, len(mults) - 1) for k in attention)
        self.config: dict[str, Any] = {"channels": channels, "width": width, "mults": list(mults)}
        self.config |= {"blocks": blocks, "classes": classes, "lean": lean, "attention": list(attention)}
        self.config |= {"words": list(words)} if words else {}
        self.lean = lean
        widths = [width * m for m in mults]
        e = 4 * width
        self.embedding = Embedding(e, classes, len(words))
        c = widths[0] if lean else width
        self.enter = nn.Conv2d(channels, c, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        skips = [c]
        for level, w in enumerate(widths):
            if level:
                self.down.append(Down(c, c := w if lean else c))
                skips.append(c)
            for _ in range(blocks):
                self.down.append(Block(c, c := w, e, lean, level in attention))
                skips.append(c)
        self.middle = Block(c, c, e, lean, bool(attention))
        for level, w in reversed(list(enumerate(widths))):
            for _ in range(blocks + 1):
                self.up.append(Block(w if lean else c + skips.pop(), c := w, e, lean, level in attention))
            if level:
                self.up.append(Up(c, c := widths[level - 1] if lean else c))
        self.leave = nn.Sequential(norm(c), SiLU(), zero(nn.Conv2d(c, channels, 3, padding=1)))
        set_memory_format(self)

    def forward(self, xt: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """xt: (B, C, H, W), t: (B,), y: (B,), or (B, L) of words -> (B, C, H, W)."""
        e = self.embedding(t, y)
        h = self.enter(xt)
        skips = [h]
        for layer in self.down:
            h = layer(h, e)
            skips.append(h)
        h = self.middle(h, e)
        for layer in self.up:
            h = layer(h, skips[-1]) if isinstance(layer, Up) else layer(self.joined(h, skips.pop()), e)
        return self.leave(h)

    def joined(self, h: Tensor, skip: Tensor) -> Tensor:
        """What comes up and what was seen going down: their mean if it is lean, else one beside the other."""
        return torch.lerp(h, skip, 0.5) if self.lean else torch.cat([h, skip], 1)


class Down(nn.Module):
    """Half the size."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride=2, padding=1)

    def forward(self, x: Tensor, e: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H/2, W/2), rounded up."""
        return self.conv(x)


class Up(nn.Module):
    """Back to the size of what was skipped over: nearest neighbours, then a convolution."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        """(B, c_in, h, w) -> (B, c_out, H, W), the size of `like`."""
        return self.conv(F.interpolate(x, size=like.shape[-2:], mode="nearest"))


class MLP(nn.Module):
    """A small network for points (B, d)."""

    def __init__(self, d: int = 2, width: int = 128, depth: int = 3, classes: int | None = None):
        super().__init__()
        self.config: dict[str, Any] = {"d": d, "width": width, "depth": depth, "classes": classes}
        self.embedding = Embedding(width, classes)
        self.enter = nn.Linear(d, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.leave = zero(nn.Linear(width, d))

    def forward(self, xt: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """xt: (B, d), t: (B,), y: (B,) -> (B, d)."""
        e = self.embedding(t, y)
        h = self.enter(xt)
        for layer in self.layers:
            h = h + layer(F.silu(h + e))
        return self.leave(F.silu(h))


def set_memory_format(net: nn.Module, bf16: bool = False) -> None:
    """Put the weights of convolutions into the memory format that is fastest; activations follow it.

    Channels last, except in bfloat16 on a CPU, where group norm takes four times as long that way.
    """
    plain = bf16 and next(net.parameters()).device.type == "cpu"
    net.to(memory_format=torch.contiguous_format if plain else torch.channels_last)  # type: ignore[call-overload]


def norm(c: int) -> nn.GroupNorm:
    """Group norm with groups of eight channels, or of as many as divide them."""
    return nn.GroupNorm(c // math.gcd(c, 8), c)


def zero(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """The layer with all its weights set to 0, so that a residual block starts as the identity."""
    for weights in layer.parameters():
        nn.init.zeros_(weights)
    return layer
