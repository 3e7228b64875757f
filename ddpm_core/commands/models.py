"""What `--from` and `--device` mean: the weights to go on from, and where to compute."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from .. import checkpoints
from ..denoiser import Denoiser
from ..nets import MLP, UNet
from ..study import latents
from .recipes import FOLDER, RECIPES

LARGEST_SEED = (1 << 63) - 1
AUTOENCODER = "autoencoder.safetensors"  # beside model.safetensors of a run in latents


def model(name: str, device: torch.device) -> tuple[dict[str, Any], Denoiser]:
    """The card and the denoiser of a run's folder, a file, or a model that ships; or ValueError."""
    source = _file(name)
    card, denoiser = checkpoints.card(source), checkpoints.load(source)
    config = cast(UNet | MLP, denoiser.net).config
    if "shape" not in card and "d" in config:
        card["shape"] = [config["d"]]
    if "shape" not in card:
        raise ValueError(
            f"{source} doesn't say how large its pictures are; save them with it: "
            "save(denoiser, path, shape=[1, 28, 28])"
        )
    shapes = card["shape"], card.get("latent_of", [1])
    lists = all(isinstance(shape, list) for shape in shapes)
    sizes = [*shapes[0], *shapes[1], card.get("levels", 2)] if lists else [None]
    if card.get("data", "digits") not in {*RECIPES, FOLDER} or not all(
        type(n) is int and 0 < n <= 4096 for n in sizes
    ):
        raise ValueError(f"{source} says nothing that makes sense of the pictures it was trained on: {card}")
    if sizes[0] != (wanted := config.get("channels", config.get("d"))):
        raise ValueError(f"{source} holds a network for {wanted} channels, its card says {sizes[0]}: {card}")
    return card, denoiser.to(device)


def painter(name: str, card: dict[str, Any], device: torch.device) -> Callable[[Tensor], Tensor]:
    """What makes pictures of a model's samples: its autoencoder, if they are latents; or an error."""
    if "latent_of" not in card:
        return lambda x: x.clamp(-1, 1)
    source = _file(name)
    beside = source.with_name(AUTOENCODER)
    if source.name.endswith("-denoiser.safetensors"):
        beside = source.with_name(source.name.replace("-denoiser", "-autoencoder"))
    paint = latents.load_autoencoder(beside).to(device)
    return lambda z: torch.no_grad()(paint.decode)(z)


def _file(name: str) -> Path:
    """The file of weights that `name` means: that of a run's folder, a file itself, or a model that ships."""
    source = Path(name)
    if source.is_dir():
        model, run = source / "model.safetensors", source / "run.safetensors"
        return run if run.is_file() and not model.is_file() else model
    if source.is_file():
        return source
    if source.suffix or len(source.parts) > 1:
        raise FileNotFoundError(f"{source} is missing")
    return checkpoints.shipped(name)


def pick(name: str) -> torch.device:
    """The device of that name; "auto" picks the best there is.  ValueError if torch doesn't see it."""
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if name == "auto":
        return torch.device(next(device for device, found in there.items() if found()))
    if not there[name]():
        raise ValueError(f"--device {name}: torch sees no such device here; try --device auto")
    return torch.device(name)
