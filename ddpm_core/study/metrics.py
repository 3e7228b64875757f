"""Metrics of samples: how they look to a classifier, and how far they are from training pictures."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .. import checkpoints, checks


class Classifier(nn.Module):
    """A small convolutional network that classifies grey digits: (N, 1, H, W) -> logits (N, classes)."""

    def __init__(self, width: int = 32, features: int = 64, classes: int = 10):
        super().__init__()
        self.config = {"width": width, "features": features, "classes": classes}
        self.body = nn.Sequential(
            *_conv(1, width),
            *_conv(width, width),
            nn.MaxPool2d(2),
            *_conv(width, 2 * width),
            *_conv(2 * width, 2 * width),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(32 * width, features),
            nn.ReLU(),
        )
        self.head = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits: (N, classes)."""
        return self.head(self.body(x))

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """The inputs of the last layer: (N, features), float64."""
        return torch.cat([self.body(part) for part in x.split(1000)]).double()

    @torch.no_grad()
    def classes(self, x: Tensor) -> Tensor:
        """The most likely class of each picture: (N,)."""
        return torch.cat([self(part).argmax(1) for part in x.split(1000)])


def classifier(name: str) -> Classifier:
    """The classifier that ships for a data set, such as "digits", in eval mode."""
    tensors, config = checkpoints.read_tensors(checkpoints.shipped(name, "classifier"))
    return checkpoints.rebuild(Classifier, config["args"], tensors).eval()


def _conv(c_in: int, c_out: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU()


def frechet(a: Tensor, b: Tensor) -> float:
    """Squared Frechet distance of two Gaussians with the means and covariances of a (N, d) and b (M, d).

    |m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)).  Dowson & Landau 1982; Heusel et al. 2017 for images.
    Its expectation shrinks as N and M grow, so compare it with a floor of the same sizes.  ValueError for
    features of other shapes.
    """
    for x in (a, b):
        if x.ndim != 2 or len(x) < 2 or x.shape[1] != a.shape[1]:
            raise ValueError(f"features must be (N, d) and (M, d), got {tuple(a.shape)} and {tuple(b.shape)}")
    a, b = a.double(), b.double()
    cov_a, cov_b = (torch.atleast_2d(x.T.cov()) for x in (a, b))
    gap = a.mean(0) - b.mean(0)
    value, vector = torch.linalg.eigh(cov_a)
    root = (vector * value.clamp(min=0).sqrt()) @ vector.T  # cov_a^(1/2)
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return (gap @ gap + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def balanced(classes: Tensor, each: int, generator: torch.Generator) -> Tensor:
    """Row numbers into `classes` (N,), drawn without replacement: `each` of every class, the classes in turn.

    ValueError if a class has fewer rows.
    """
    order = torch.randperm(len(classes), generator=generator)
    rows = [order[classes[order] == k][:each] for k in classes.unique()]
    if (fewest := min(map(len, rows))) < each:
        raise ValueError(f"{each} of every class are asked for, but one has {fewest}")
    return torch.stack(rows, 1).flatten()


def floor(features: Tensor, classes: Tensor, real: Tensor, each: int, draws: int = 20) -> Tensor:
    """The `frechet` distance of as many real pictures as there are samples, for several draws: (draws,).

    features (N, d), classes (N,): of real pictures, of which `each` of every class are drawn, with the seeds
    0 .. draws - 1; real: features (M, d) of other real pictures.  The mean is a unit for samples' distances.
    """
    dice = (torch.Generator().manual_seed(seed) for seed in range(draws))
    return torch.tensor([frechet(features[balanced(classes, each, die)], real) for die in dice])


def entropy(classes: Tensor, of: int = 10) -> float:
    """Entropy of the frequencies of classes (N,), in nats: log(of) if all are equally frequent."""
    share = classes.bincount(minlength=of) / len(classes)
    return torch.special.entr(share).sum().item()


def nearest(x: Tensor, to: Tensor) -> Tensor:
    """Euclidean distance of each x (N, ...) to the nearest of `to` (M, ...): (N,); 0 for a copy."""
    if x.shape[1:] != to.shape[1:]:
        raise ValueError(
            f"pictures of shapes {tuple(x.shape[1:])} and {tuple(to.shape[1:])} have no distance"
        )

    def distance(part: Tensor) -> Tensor:
        which = torch.cdist(part.flatten(1), to.flatten(1)).argmin(1)  # by matrix products: fast, but rounded
        return (part - to[which]).flatten(1).norm(dim=1)

    return torch.cat([distance(part) for part in x.split(1000)])


def grey_apart(a: Tensor, b: Tensor) -> Tensor:
    """Root mean square differences of pictures (N, ...) and (M, ...) in [-1, 1]: (N, M), in levels of 256.

    By matrix products, so equal pictures are apart by rounding: up to 0.1 in float32, nothing in float64.
    """
    return torch.cdist(a.flatten(1), b.flatten(1)) * (127.5 / a[0].numel() ** 0.5)


def agreement(x: Tensor, classes: Tensor, k: int = 10) -> Tensor:
    """The share of each picture's k nearest neighbours that are of its own class: (N,) in [0, 1].

    x: (N, ...); classes: (N,).  Where it is low, the label is wrong or the picture is unusual.  ValueError if
    there are fewer than k other pictures.
    """
    if len(x) <= k:
        raise ValueError(f"{k} others of each are asked for, but there are {len(x) - 1}")
    points = x.flatten(1)

    def share(part: Tensor) -> Tensor:
        distance = torch.cdist(points[part], points)
        distance[torch.arange(len(part)), part] = torch.inf  # itself
        near = classes[distance.topk(k, largest=False).indices]  # (n, k)
        return (near == classes[part, None]).float().mean(1)

    return torch.cat([share(part) for part in torch.arange(len(x)).split(1000)])


def within(features: Tensor, classes: Tensor) -> float:
    """The mean distance between the features (N, d) of two pictures of one class, averaged over the classes.

    classes: (N,).  ValueError if a class has one picture only.
    """
    if (alone := classes.unique(return_counts=True)[1] == 1).any():
        raise ValueError(f"{int(alone.sum())} of the classes have one picture only: no pair to compare")
    return torch.stack([torch.pdist(features[classes == k]).mean() for k in classes.unique()]).mean().item()


def jackknife(statistic: Callable[..., float], *data: Tensor, groups: int = 10) -> tuple[float, float]:
    """A statistic of data (N, ...) and its standard error, from leaving out each of `groups` blocks of rows.

    A bootstrap would draw some rows twice, and such copies make a Frechet distance larger.
    """
    n = len(data[0])
    rest = [
        statistic(*(torch.cat([x[: n * k // groups], x[n * (k + 1) // groups :]]) for x in data))
        for k in range(groups)
    ]
    return statistic(*data), (groups - 1) ** 0.5 * torch.tensor(rest).std(correction=0).item()


class Report(NamedTuple):
    """How samples compare with held-out test pictures; for comparison, the same numbers of real pictures."""

    distance: float  # Frechet, samples to test
    floor: float  # Frechet, training data to test
    entropy: float  # of the predicted classes, nats
    nearest: float  # median distance to the nearest training picture
    nearest_real: float  # the same of the test pictures
    closest: float  # the smallest such distance
    closest_real: float

    @property
    def ratio(self) -> float:
        """The distance in units of the floor."""
        return self.distance / self.floor


def report(samples: Tensor, train: Tensor, test: Tensor, judge: Classifier) -> Report:
    """Compare samples (N, 1, H, W) in [-1, 1] with real pictures of the same kind.  judge: gives features."""
    for x, name in ((samples, "samples"), (train, "train"), (test, "test")):
        checks.data(x, name)
    features = judge.features(test)
    to_train, real_to_train = nearest(samples, train), nearest(test, train)
    return Report(
        frechet(judge.features(samples), features),
        frechet(judge.features(train), features),
        entropy(judge.classes(samples)),
        to_train.median().item(),
        real_to_train.median().item(),
        to_train.min().item(),
        real_to_train.min().item(),
    )
