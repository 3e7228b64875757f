"""What a network is trained on from the command line, and how, unless one says otherwise."""

from collections.abc import Callable
from typing import NamedTuple

from .. import data
from ..nets import UNet
from ..prediction import Eps, Prediction, V


class Recipe(NamedTuple):
    """The defaults for a data set: how to read it, which network, how to train it."""

    read: Callable[[], tuple[data.Dataset, data.Dataset]]
    net: Callable[[], UNet]
    prediction: Prediction
    batch: int
    lr: float
    ema: float


RECIPES = {
    "digits": Recipe(data.digits, UNet, Eps(), 64, 4e-3, 0.999),
    "mnist": Recipe(
        data.mnist, lambda: UNet(width=16, mults=(1, 3, 6), blocks=2, classes=10), V(), 64, 3e-3, 0.9995
    ),
}
