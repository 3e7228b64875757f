"""Denoising diffusion probabilistic models, small enough to read in an evening.

The shortest way from data to samples:

    train_set, test_set = digits()
    denoiser = Denoiser(UNet(), cosine(), Eps(), clip=1.0)
    for step in train(denoiser, train_set.images, images=200_000):
        ...
    new = last(sample(denoiser, torch.randn(16, 1, 8, 8), denoiser.schedule.times(100))).xt

Each name is imported when it is asked for, so that parts that need no torch load without it; what reads
source only, such as mypy, finds the names in __init__.pyi.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

_HOMES = {
    "checkpoints": "load pretrained save",
    "data": "digits emoji mnist",
    "denoiser": "Denoiser",
    "folders": "folder",
    "gaussian": "Gaussian",
    "nets": "MLP UNet",
    "pictures": "preview",
    "prediction": "X0 Eps Flow Mu Score V",
    "process": "posterior posterior_beta q_sample transition",
    "sampling": "ancestral ancestral_beta ddim dpm_2m eta heun invert last sample",
    "schedule": "Level Schedule cosine exploding from_betas linear straight zero_terminal",
    "study.metrics": "classifier",
    "training": "Extras train watch",
}
__all__ = [name for names in _HOMES.values() for name in names.split()]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names.split():
            return getattr(import_module(f".{home}", __name__), name)
    if not name.startswith("_") and find_spec(f"{__name__}.{name}"):  # a module, as ddpm_core.elbo
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
