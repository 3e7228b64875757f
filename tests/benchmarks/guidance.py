"""What guidance gains and loses on MNIST at several strengths, with the weights that ship.

    python tests/benchmarks/guidance.py [--n 500] [--steps 50] [--strengths 0 1 2 3 4]

For each strength it draws n samples, balanced over the classes, from the same x_T and noise.  With the
classifier that ships it measures how many have the wanted class, their Frechet distance to the test digits
in units of the floor (that of as many training digits of each class; the mean of 20 draws), and the mean
distance of two samples of one class in units of that of the test digits.  Errors are jackknife standard
errors; because all strengths use the same noise, differences between rows are more precise than these.
Needs MNIST (DDPM_DATA), and about n * steps * 4 ms for each pass of the network: one at strengths 0 and 1,
else two.
"""

import argparse
import time

import torch
from torch import Tensor

from ddpm_core import Denoiser, classifier, mnist, pretrained, sample
from ddpm_core.study.metrics import balanced, floor, frechet, jackknife, within


def drawn(denoiser: Denoiser, y: Tensor, strength: float, steps: int, seed: int, batch: int) -> Tensor:
    """Samples with labels y at a strength: (N, 1, 28, 28) in [-1, 1]."""
    generator, parts = torch.Generator().manual_seed(seed), []
    for labels in y.split(batch):
        x_T = torch.randn(len(labels), 1, 28, 28, generator=generator)
        *_, last = sample(
            denoiser.guided(labels, strength), x_T, denoiser.schedule.times(steps), generator=generator
        )
        parts.append(last.xt.clamp(-1, 1))
    return torch.cat(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=100)
    args = parser.parse_args()
    denoiser, judge, (train_set, test_set) = pretrained("mnist"), classifier("mnist"), mnist()
    y = torch.arange(args.n) % 10
    real, shown = (judge.features(s.images) for s in (test_set, train_set))
    alike = within(real, test_set.labels)
    unit = floor(shown, train_set.labels, real, args.n // 10).mean().item()
    few = balanced(train_set.labels, args.n // 10, torch.Generator().manual_seed(args.seed))
    print(f"{args.n} samples, {args.steps} ancestral steps, seed {args.seed}; floor {unit:.3f}")
    print(f"{'strength':>12}{'read as asked':>20}{'Frechet / floor':>20}{'spread / real':>20}{'seconds':>10}")

    def row(name: str, pictures: Tensor, labels: Tensor, features: Tensor, seconds: float = 0.0) -> None:
        right = (judge.classes(pictures) == labels).double()
        cells = (
            jackknife(lambda r: r.mean().item(), right),
            jackknife(lambda f: frechet(f, real) / unit, features),
            jackknife(lambda f, k: within(f, k) / alike, features, labels),
        )
        print(
            f"{name:>12}"
            + "".join(f"{v:>12.3f} ± {e:.3f}" for v, e in cells)
            + (f"{seconds:>10.0f}" if seconds else ""),
            flush=True,
        )

    row("real", train_set.images[few], train_set.labels[few], shown[few])
    for strength in args.strengths:
        start = time.perf_counter()
        pictures = drawn(denoiser, y, strength, args.steps, args.seed, args.batch)
        row(f"{strength:g}", pictures, y, judge.features(pictures), time.perf_counter() - start)


if __name__ == "__main__":
    main()
