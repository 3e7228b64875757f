"""How near to real digits a model's digits come, by judges that aren't the course's, and what limits them.

    python tests/benchmarks/limit.py [--images 200000] [--threads 2]

Each setting trains `UNet()` with three seeds; from each network 1,437 digits are drawn four times, in 100
steps of the ancestral sampler.  Four classifiers of different kinds give the features; but for the course's
they are trained here on the 1,437 training digits.  A distance is a Frechet distance to the 360 test digits,
in units of that of the training digits.  Beside it stands what a model would get that only repeats training
digits: as many of them, drawn with replacement, twenty times.  Prints a table in Markdown: means, and
standard deviations between seeds (or draws).
"""

import argparse
import statistics
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ddpm_core import Denoiser, Eps, Extras, UNet, V, cosine, digits, last, sample, train
from ddpm_core.data import Dataset
from ddpm_core.study.metrics import Classifier, classifier, frechet, nearest

SETTINGS: dict[str, tuple[bool, Eps | V, float, float | None]] = {  # lean, what is predicted, rate, min-SNR
    "the command line's: noise, rate 0.004": (True, Eps(), 4e-3, None),
    "the same, `lean=False`": (False, Eps(), 4e-3, None),
    "v, min-SNR 5, rate 0.006": (True, V(), 6e-3, 5.0),
}
SEEDS, DRAWS, STEPS = 3, 4, 100
Features = Callable[[Tensor], Tensor]


class Judge(nn.Module):
    """A classifier whose features are what its last layer reads."""

    def __init__(self, body: nn.Module, features: int):
        super().__init__()
        self.body, self.head = body, nn.Linear(features, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits: (N, 10)."""
        return self.head(self.body(x))


def judges(data: Dataset) -> Iterator[tuple[str, Features]]:
    """The course's classifier, and three that know the training digits by other ways."""
    yield "the course's classifier", classifier("digits").features
    bodies = {
        "convolutions, batch norm": (Classifier(16).body, 64),
        "convolutions alone": (
            nn.Sequential(
                nn.Conv2d(1, 32, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, 64, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(1024, 128),
                nn.ReLU(),
            ),
            128,
        ),
        "two layers": (
            nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU()),
            64,
        ),
    }
    for k, (name, (body, width)) in enumerate(bodies.items()):
        torch.manual_seed(100 + k)
        yield name, learned(Judge(body, width), data)


def learned(judge: Judge, data: Dataset, rounds: int = 40) -> Features:
    """The features of a classifier that has been trained on these digits."""
    optimizer = torch.optim.AdamW(judge.parameters(), 1e-3, weight_decay=0.01)
    for _ in range(rounds):
        for rows in torch.randperm(len(data.images)).split(64):
            loss = F.cross_entropy(judge(data.images[rows]), data.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return torch.no_grad()(judge.eval().body)


def drawn(
    lean: bool, prediction: Eps | V, lr: float, min_snr: float | None, data: Dataset, images: int, seed: int
) -> list[Tensor]:
    """Samples of a network that was trained with this seed."""
    torch.manual_seed(seed)
    denoiser = Denoiser(UNet(lean=lean), cosine(1000), prediction, clip=1.0)
    for _ in train(denoiser, data.images, images=images, lr=lr, seed=seed, extras=Extras(min_snr=min_snr)):
        pass
    noise = torch.randn(DRAWS, *data.images.shape, generator=torch.Generator().manual_seed(seed))
    return [last(sample(denoiser, x_T, denoiser.schedule.times(STEPS))).xt.clamp(-1, 1) for x_T in noise]


def main() -> None:
    """Train, draw, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data, test = digits()
    by = dict(judges(data))
    torch.manual_seed(7)
    again = [data.images[torch.randint(len(data.images), (len(data.images),))] for _ in range(20)]
    floor = {name: frechet(f(data.images), f(test.images)) for name, f in by.items()}

    def times_the_floor(name: str, x: Tensor) -> float:
        return frechet(by[name](x), by[name](test.images)) / floor[name]

    print(f"| | {' | '.join(by)} | nearest training digit, test digits' = 1 |")
    print(f"|---|{'--:|' * (len(by) + 1)}")
    far = nearest(test.images, data.images).median()
    repeated = [[times_the_floor(name, x) for x in again] for name in by]
    print(f"| training digits, drawn again | {' | '.join(told(row) for row in repeated)} | 0 |", flush=True)
    for label, setting in SETTINGS.items():
        runs = [drawn(*setting, data, args.images, seed) for seed in range(SEEDS)]
        means = [[statistics.mean(times_the_floor(name, x) for x in run) for run in runs] for name in by]
        near = statistics.mean(nearest(x, data.images).median().item() for run in runs for x in run) / far
        print(f"| {label} | {' | '.join(told(row) for row in means)} | {near:.2f} |", flush=True)


def told(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"


if __name__ == "__main__":
    main()
