"""A lossy coder for pictures, built on a diffusion model and noise that sender and receiver share.

Both draw the same candidates for x_s from p(x_s | x_t), numbered as the rows of a table.  The sender, who
has the picture, sends the number of one row, chosen so that it is nearly a sample of q(x_s | x_t, x_0); that
takes about KL(q || p) bits.  Both continue from it; after the last step, the receiver shows the estimate of
x_0.  Ho et al. 2020, section 4.3 and algorithms 3 and 4; the row is chosen as in Li & El Gamal 2018, and used
as in Theis et al. 2022 (DiffC).
"""

import copy
import hashlib
import heapq
import math
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import checkpoints, checks
from ..data import from_bytes, to_bytes
from ..denoiser import Denoiser, Guided
from ..elbo import divergence
from ..gaussian import Gaussian
from ..process import posterior, q_sample
from ..sampling import estimate, randn
from .calibrated import Calibrated

MAGIC = b"DDPM\x01"
HEAD, TAIL = struct.Struct(">5s8sBH"), struct.Struct(">I")  # magic, codebook's sum, steps, pictures; crc32
BLOCK = 1024  # rows of noise that one call of the hash makes
BATCH = 256  # pictures coded at once
DEEPEST = 20  # a step has at most 2**DEEPEST candidates


class Choices(NamedTuple):
    """The sender's choices: the row of each step's candidate, and KL(q || p), the term of the bound."""

    rows: Tensor  # (B, steps), whole
    nats: Tensor  # (B, steps)


class Coder:
    """Pictures (B, C, H, W) in [-1, 1] <-> bytes.  It holds the codebook: all that both sides must share.

    denoiser: the model; times: T > .. > t >= 1, the states to go through; var: the variance of p(x_s | x_t),
    (steps, C, H, W); lengths: the lengths of each step's code words, (steps, depth + 1), where word n says
    that the chosen row's number has n binary digits and 2**depth is the number of candidates; seed: of the
    noise.  `Coder.fit` finds all these on training pictures.  ValueError if they don't fit together.

    The walk is in float64 and its noise comes from a hash, so a file decodes to the same picture whatever the
    batch and the number of threads.  On another machine the network's last digits may differ, and with them a
    grey level in 256 now and then; the lengths of code words don't depend on them, so decoding stays in step.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        times: Sequence[int],
        var: Tensor,
        lengths: Sequence[Sequence[int]],
        seed: int = 0,
    ):
        self.times = checks.descending(times, denoiser.schedule.T)
        if len(self.times) > 256:
            raise ValueError(f"a file counts at most 255 steps, got {len(self.times) - 1}: take longer ones")
        if self.times[0] != denoiser.schedule.T or self.times[-1] == 0:
            raise ValueError(f"times must go from T = {denoiser.schedule.T} to 1 or more, got {self.times}")
        steps = len(self.times) - 1
        if var.ndim != 4 or len(var) != steps or not bool((var > 0).all()):
            raise ValueError(f"var must be {steps} positive pictures, one a step, got {checks.brief(var)}")
        if len(lengths) != steps or len({len(row) for row in lengths}) != 1:
            raise ValueError(f"lengths must be {steps} rows, one a step, of one length, got {lengths}")
        self.denoiser = copy.deepcopy(denoiser).to("cpu", torch.float64).eval()
        self.var = var.to("cpu", torch.float64)
        self.lengths = [
            [checks.whole(n, "the length of a code word", 1, DEEPEST) for n in row] for row in lengths
        ]
        self.depth = checks.whole(len(self.lengths[0]) - 1, "the depth", 1, DEEPEST)
        self.seed = checks.whole(seed, "seed", 0)
        self._words = [code_words(row) for row in self.lengths]
        self._numbers = [{word: n for n, word in enumerate(words)} for words in self._words]
        self._told = self._sum()

    @classmethod
    def fit(
        cls, denoiser: Denoiser, x0: Tensor, bits: float, end: int, depth: int = 16, seed: int = 0
    ) -> "Coder":
        """A coder whose steps cost about `bits` bits each, down to time `end`, fitted to pictures x0.

        x0: training pictures (N, C, H, W); the code words are fitted to the first 200 of them.  depth: a step
        has 2**depth candidates; choose it several bits above `bits`, because some pictures need more.
        """
        x0, generator = checks.data(x0, "x0"), torch.Generator().manual_seed(checks.whole(seed, "seed", 0))
        checks.whole(depth, "depth", 1, DEEPEST)
        times, var = zip(*paced(denoiser, x0, bits, end, generator), strict=True)
        how = denoiser, [denoiser.schedule.T, *times], torch.cat(var)
        rows = cls(*how, [code_lengths([1] * (depth + 1))] * len(times), seed).choose(x0[:200]).rows
        counts = [[1 + int((size(step) == n).sum()) for n in range(depth + 1)] for step in rows.T]
        return cls(*how, [code_lengths(step) for step in counts], seed)

    def encode(self, x0: Tensor, steps: int | None = None) -> bytes:
        """Encode pictures x0 (B, C, H, W) as a file.  steps: after how many to stop, None for all of them."""
        return self.pack(self.choose(x0, steps).rows)

    def decode(self, file: bytes) -> Tensor:
        """The pictures in a file: (B, C, H, W), on 256 greys.  ValueError if `unpack` refuses the file."""
        return self.show(self.unpack(file))

    def choose(self, x0: Tensor, steps: int | None = None) -> Choices:
        """The sender's side: the rows that lead to x0 (B, C, H, W).  Fewer steps give the first of them."""
        x0 = checks.data(x0, "x0")
        if x0.shape[1:] != self.var.shape[1:] or not 0 < len(x0) < 1 << 16:
            raise ValueError(
                f"x0 must be 1 to 65,535 pictures {tuple(self.var.shape[1:])}, got {checks.brief(x0)}"
            )
        steps = len(self.var) if steps is None else checks.whole(steps, "steps", 1, len(self.var))
        parts = [self._choose(part.to("cpu", torch.float64), steps) for part in x0.split(BATCH)]
        return Choices(*(torch.cat(found) for found in zip(*parts, strict=True)))

    def _choose(self, x0: Tensor, steps: int) -> Choices:
        rows, nats = [], []

        def name(k: int, xt: Tensor, p: Gaussian) -> Tensor:
            t, s = (self.denoiser.schedule.at(time) for time in self.times[k : k + 2])
            q = posterior(x0, xt, s, t)
            rows.append(choose(q, p, self.seed, k, 1 << self.depth))
            nats.append(q.kl(p))
            return rows[-1]

        for _ in self._walk(len(x0), steps, name):
            pass
        return Choices(torch.stack(rows, 1), torch.stack(nats, 1))

    def show(self, rows: Tensor) -> Tensor:
        """The receiver's side: the pictures that rows (B, steps) lead to, (B, C, H, W), on 256 greys."""
        return self.progress(rows)[-1]

    def progress(self, rows: Tensor) -> list[Tensor]:
        """What the receiver can show after 0, 1, .. of the steps of rows (B, steps): each (B, C, H, W)."""

        def pictures(part: Tensor) -> list[Tensor]:
            return list(self._walk(len(part), part.shape[1], lambda k, xt, p: part[:, k]))

        parts = [pictures(part) for part in rows.split(BATCH)]
        return [from_bytes(to_bytes(torch.cat(x0))) for x0 in zip(*parts, strict=True)]

    def _walk(self, n: int, steps: int, name: Callable[[int, Tensor, Gaussian], Tensor]) -> Iterator[Tensor]:
        """Yield the estimate of x_0 at each state, from the shared x_T through the rows that `name` picks."""
        shape, at = self.var.shape[1:], self.denoiser.schedule.at
        xt = self.denoiser.schedule.start(normals(self.seed, -1, torch.zeros(1), shape)).expand(n, *shape)
        yield (x0 := estimate(self.denoiser, xt, self.times[0]))
        for k, (t, s) in enumerate(pairwise(self.times[: steps + 1])):
            p = Gaussian(posterior(x0, xt, at(s), at(t)).mean, self.var[k])
            xt = p.sample(normals(self.seed, k, name(k, xt, p), shape))
            yield (x0 := estimate(self.denoiser, xt, s))

    def sizes(self, rows: Tensor) -> Tensor:
        """The number of bits that each row takes in a file: (B, steps), whole."""
        words = torch.tensor(self.lengths)[: rows.shape[1]]  # (steps, depth + 1)
        n = size(rows)
        return words.gather(1, n.T).T + (n - 1).clamp(min=0)

    def pack(self, rows: Tensor) -> bytes:
        """Rows (B, steps) as a file: a header, the code words one after the other, a checksum."""
        text = "".join(
            words[row.bit_length()] + f"{row:b}"[1:]
            for picture in rows.tolist()
            for words, row in zip(self._words, picture, strict=False)
        )
        text += "0" * (-len(text) % 8)
        n, steps = rows.shape
        file = HEAD.pack(MAGIC, self._told, steps, n) + int(text, 2).to_bytes(len(text) // 8, "big")
        return file + TAIL.pack(zlib.crc32(file))

    def unpack(self, file: bytes) -> Tensor:
        """The rows (B, steps) in a file.  ValueError if it is damaged or made with another codebook."""
        body = file[: -TAIL.size]
        if len(body) < HEAD.size or TAIL.pack(zlib.crc32(body)) != file[-TAIL.size :]:
            raise ValueError("this is not what was packed: the file is cut, changed, or no file of a Coder")
        magic, told, steps, n = HEAD.unpack_from(body)
        if magic != MAGIC or told != self._told:
            raise ValueError("the file was packed with other weights or another codebook")
        rest = body[HEAD.size :]
        longest = 2 * self.depth * n * steps
        if not (n and 1 <= steps <= len(self.var) and n * steps <= 8 * len(rest) < longest + 8):
            raise ValueError(f"the file announces {n} pictures in {steps} steps, and that can't be")
        text, at = f"{int.from_bytes(rest, 'big'):0{8 * len(rest)}b}", 0
        rows = torch.zeros(n, steps, dtype=torch.long)
        for picture in rows:
            for k in range(steps):
                picture[k], at = self._row(k, text, at)
        if len(text) - at > 7 or "1" in text[at:]:
            raise ValueError("the file goes on after its last picture")
        return rows

    def _row(self, k: int, text: str, at: int) -> tuple[int, int]:
        """Step k's row, read from the binary digits `text` at position `at`, and the position after it."""
        end = at + 1
        while (n := self._numbers[k].get(text[at:end])) is None and end < len(text):
            end += 1
        last = end + max((n or 0) - 1, 0)
        if n is None or last > len(text):
            raise ValueError("the file ends before its last picture")
        return int("1" + text[end:last], 2) if n else 0, last

    def save(self, path: str | Path) -> None:
        """Write the codebook, without the denoiser.  OSError if it can't be written."""
        told = {"times": self.times, "lengths": self.lengths, "seed": self.seed, "sum": self._told.hex()}
        checkpoints.write_tensors(path, {"var": self.var}, told)

    @classmethod
    def load(cls, path: str | Path, denoiser: Denoiser) -> "Coder":
        """The coder of a codebook.  ValueError if it was made for another denoiser, FileNotFoundError."""
        tensors, told = checkpoints.read_tensors(path)
        if not isinstance(told, dict) or told.keys() != {"times", "lengths", "seed", "sum"}:
            raise ValueError(f"{path} holds no codebook")
        try:
            coder = cls(denoiser, told["times"], tensors["var"], told["lengths"], told["seed"])
        except (KeyError, TypeError, AttributeError, RuntimeError, ArithmeticError) as error:
            raise ValueError(f"{path} holds no codebook that makes sense: {error}") from None
        if told["sum"] != coder._told.hex():
            raise ValueError(f"{path} was made for another denoiser")
        return coder

    def _sum(self) -> bytes:
        """The codebook's checksum: the first eight bytes of a sha256 of all that both sides must share."""
        d = self.denoiser
        sha = hashlib.sha256(repr((type(d.prediction).__name__, d.clip, self.times, self.lengths)).encode())
        sha.update(str(self.seed).encode())
        for x in (*d.state_dict().values(), *checkpoints.tables(d.schedule).values(), self.var):
            sha.update(x.contiguous().numpy().tobytes())
        for net in d.modules():
            if isinstance(net, Guided):
                sha.update(repr(net.strength).encode())
        return sha.digest()[:8]


def choose(q: Gaussian, p: Gaussian, seed: int, step: int, count: int) -> Tensor:
    """For each example, the row of a candidate from p that is nearly a sample of q: (B,), whole.

    q, p: (B, ...), p.var the same for all examples.  Of the candidates x_1, x_2, .. it is the one with the
    smallest tau_i p(x_i) / q(x_i), where tau_1 < tau_2 < .. are the arrival times of a Poisson process.  With
    infinitely many candidates its distribution is q, and log2 of its number is about KL(q || p) / log 2.
    With `count` of them this nearly holds if KL(q || p) is well below log(count).  Li & El Gamal 2018.
    """
    wide = (torch.as_tensor(p.var / q.var) ** 0.5).expand_as(p.mean[:1]).flatten()  # (D,)
    shift = ((p.mean - q.mean) / torch.as_tensor(q.var) ** 0.5).flatten(1)  # (B, D)
    on_square, on_z = (0.5 * (1 - wide**2)).float(), (-wide * shift).float()
    gaps = np.random.default_rng((seed, step)).exponential(size=count)  # only the sender needs these
    log_tau = torch.from_numpy(np.log(gaps.cumsum())).float()
    best, found = torch.full((len(shift),), math.inf), torch.zeros(len(shift), dtype=torch.long)
    for block in range(-(-count // BLOCK)):
        z, first = _block(seed, step, block, len(wide)), block * BLOCK  # (BLOCK, D)
        log_ratio = (z**2 @ on_square)[:, None] + z @ on_z.T  # (BLOCK, B), log q/p up to a constant
        low, at = (log_tau[first : first + BLOCK, None] - log_ratio[: count - first]).min(0)
        found = torch.where(low < best, first + at, found)
        best = torch.minimum(low, best)
    return found


def normals(seed: int, step: int, rows: Tensor, shape: torch.Size) -> Tensor:
    """The given rows of a step's unlimited table of standard normal noise: (len(rows), *shape), float64.

    Two bytes of a hash select each number among 65,536 quantiles, so it is the same on every machine.
    """
    d = math.prod(shape)
    wanted, place = torch.div(rows.long(), BLOCK, rounding_mode="floor").unique(return_inverse=True)
    blocks = torch.stack([_block(seed, step, block, d) for block in wanted.tolist()])  # (blocks, BLOCK, d)
    return blocks[place, rows.long() % BLOCK].reshape(len(rows), *shape).double()


def _block(seed: int, step: int, block: int, d: int) -> Tensor:
    raw = hashlib.shake_256(f"{seed} {step} {block}".encode()).digest(2 * BLOCK * d)
    return torch.from_numpy(quantiles()[np.frombuffer(raw, "<u2")]).reshape(BLOCK, d)


@cache
def quantiles() -> np.ndarray:
    """65,536 equally likely values of a standard normal, rounded so that they are the same everywhere."""
    middle = (torch.arange(1 << 16, dtype=torch.float64) + 0.5) / (1 << 16)
    return ((torch.special.ndtri(middle) * 2**14).round() / 2**14).float().numpy()


def paced(
    denoiser: Denoiser, x0: Tensor, bits: float, end: int, generator: torch.Generator | None = None
) -> Iterator[tuple[int, Tensor]]:
    """The longest steps from T to `end` that cost at most `bits` bits each, on average over pictures x0.

    Yields each step's end s and the variance of p(x_s | x_t), calibrated on x0: (1, C, H, W).  ValueError if
    even a step from t to t - 1 costs more.
    """
    schedule, budget = denoiser.schedule, checks.real(bits, "bits", 0, DEEPEST) * math.log(2)
    t = schedule.T
    checks.whole(end, "end", 1, t - 1)
    while t > end:
        reverse, now = Calibrated(denoiser, x0, [t, 0], generator), schedule.at(t)
        xt = q_sample(x0, randn(x0, generator), now)
        xhat = estimate(denoiser, xt, t)
        low, s = end, t
        while low < s:  # bisect: the cost falls as s rises
            middle = (low + s) // 2
            nats = divergence(x0, xhat, xt, schedule.at(middle), now, reverse).mean().item()
            low, s = (low, middle) if nats <= budget else (middle + 1, s)
        if s == t:
            raise ValueError(f"even the step from t = {t} to {t - 1} costs more than {bits} bits")
        yield s, torch.as_tensor(reverse(x0[:1], x0[:1], schedule.at(s), now).var)
        t = s


def size(rows: Tensor) -> Tensor:
    """How many binary digits whole numbers have; 0 has none."""
    return torch.frexp(rows.double())[1].long()


def code_lengths(counts: Sequence[int]) -> list[int]:
    """The lengths of the words of a shortest prefix code, for symbols with these counts.  Huffman 1952."""
    heap: list[tuple[int, int, tuple[int, ...]]] = [
        (count, symbol, (symbol,)) for symbol, count in enumerate(counts)
    ]
    heapq.heapify(heap)
    lengths = [0] * len(counts)
    while len(heap) > 1:
        (a, name, some), (b, _, more) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in some + more:
            lengths[symbol] += 1
        heapq.heappush(heap, (a + b, name, some + more))
    return lengths


def code_words(lengths: Sequence[int]) -> list[str]:
    """A prefix code with words of these lengths.  ValueError unless it is complete (sum of 2**-n is 1)."""
    if sum(2.0**-n for n in lengths) != 1:
        raise ValueError(f"{lengths} are not the lengths of a full code")
    words, code, last = [""] * len(lengths), 0, 0
    for n, symbol in sorted(zip(lengths, range(len(lengths)), strict=True)):
        code <<= n - last
        words[symbol], code, last = f"{code:0{n}b}", code + 1, n
    return words
