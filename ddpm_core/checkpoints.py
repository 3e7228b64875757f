"""Weights on disk: one safetensors file with all that is needed to build the model again, and no pickle.

The header carries the configuration and a sha256 of the whole file (its own 64 digits read as zeros); a
file is refused before any tensor is built from it unless that sum is right.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from . import files, prediction
from .data import RESTORE, SHIPPED
from .denoiser import Denoiser
from .nets import MLP, UNet, set_memory_format
from .schedule import Schedule

NETS: dict[str, type[UNet] | type[MLP]] = {net.__name__: net for net in (UNet, MLP)}
PREDICTIONS: dict[str, type[prediction.Prediction]] = {
    p.__name__: p for p in (prediction.Eps, prediction.X0, prediction.V, prediction.Mu, prediction.Score)
}
BLANK = "0" * 64
N = TypeVar("N", bound=nn.Module)


def save(denoiser: Denoiser, path: str | Path, **card: Any) -> None:
    """Write a denoiser to `path`, all or nothing; `card` is kept beside the weights as JSON.

    The network must be a UNet or an MLP, the prediction one of the five.  TypeError otherwise; OSError if the
    file can't be written.
    """
    for part, known in ((denoiser.net, NETS), (denoiser.prediction, PREDICTIONS)):
        if type(part) not in known.values():
            raise TypeError(f"can save {' and '.join(known)}, got a {type(part).__name__} of another kind")
    config = {
        "net": type(denoiser.net).__name__,
        "args": denoiser.net.config,
        "prediction": type(denoiser.prediction).__name__,
        "clip": denoiser.clip,
        "card": card,
    }
    write_tensors(path, dict(denoiser.net.state_dict(), abar=denoiser.schedule.abar), config)


def load(path: str | Path) -> Denoiser:
    """The denoiser in a file that `save` wrote, in float32, on the CPU, in eval mode.

    ValueError if the file is not what was saved, FileNotFoundError.
    """
    tensors, config = read_tensors(path)
    try:
        schedule = Schedule(tensors.pop("abar"))
        before = {"lean": False} if config["net"] == "UNet" else {}  # in files from before there was a choice
        net = rebuild(NETS[config["net"]], before | config["args"], tensors)
        denoiser = Denoiser(net, schedule, PREDICTIONS[config["prediction"]](), config["clip"])
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ValueError(f"{path} holds no denoiser that this version can build: {error}") from None
    return denoiser.eval()


def rebuild(kind: type[N], args: dict[str, Any], tensors: dict[str, Tensor]) -> N:
    """The network that holds `tensors`, in float32.  It draws no first weights of its own.

    ValueError, TypeError, RuntimeError or ArithmeticError if the tensors are of another network.
    """
    with torch.device("meta"):
        net = kind(**args)
    net.load_state_dict(tensors, assign=True)
    set_memory_format(net.float())
    return net


def pretrained(name: str) -> Denoiser:
    """The denoiser that ships under `name` in data/, "digits" among them.  ValueError names the others."""
    return load(shipped(name))


def card(path: str | Path) -> dict[str, Any]:
    """What was written about a model when it was saved; or ValueError, FileNotFoundError."""
    config = read_tensors(path)[1]
    if not isinstance(config, dict) or not isinstance(told := config.get("card"), dict):
        raise ValueError(f"{path} holds no model with a card, such as model.safetensors of a run")
    return told


def shipped(name: str, kind: str = "denoiser") -> Path:
    """The file in data/ with the weights of that name, or ValueError with the names there are."""
    names = sorted(p.name.removesuffix(f"-{kind}.safetensors") for p in SHIPPED.glob(f"*-{kind}.safetensors"))
    if name not in names:
        there = ", ".join(names) or f"none: {RESTORE}"
        raise ValueError(f"no {kind} called {name!r} ships with the course; there is {there}")
    return SHIPPED / f"{name}-{kind}.safetensors"


def write_tensors(path: str | Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Tensors and a JSON configuration with their sum, all or nothing.

    ValueError rather than good weights written over by NaN; OSError if the file can't be written.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    if lost := [name for name, t in tensors.items() if not bool(t.isfinite().all())]:
        raise ValueError(
            f"{path} is left as it was: {lost[0]} holds NaN or infinite numbers: the training has diverged; "
            "try a lower lr"
        )
    raw = safetensors.torch.save(tensors, {"config": json.dumps(config, sort_keys=True), "sha256": BLANK})
    field = '"sha256":"{}"'  # in the configuration every quote is escaped
    raw = raw.replace(field.format(BLANK).encode(), field.format(hashlib.sha256(raw).hexdigest()).encode(), 1)
    files.write(Path(path), raw)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote, or FileNotFoundError / ValueError before any tensor is built."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    try:
        meta = json.loads(raw[8 : 8 + length])["__metadata__"]
        told, config = meta["sha256"], json.loads(meta["config"])
        head = raw[: 8 + length].replace(told.encode(), BLANK.encode(), 1)
        sound = len(told) == 64 and hashlib.sha256(head + raw[8 + length :]).hexdigest() == told
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound:
        raise ValueError(f"{path} is not what was saved: cut, changed, or no file of this course's weights")
    try:
        return safetensors.torch.load(raw), config
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} has the right checksum, and tensors that can't be read: {error}") from None
