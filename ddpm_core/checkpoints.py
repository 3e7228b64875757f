"""Weights on disk: one safetensors file with all that is needed to build the model again, and no pickle.

The header carries the configuration and a sha256 of the whole file (its own 64 digits read as zeros); a
file is refused before any tensor is built from it unless that sum is right.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from . import checks, prediction
from .data import SHIPPED, store
from .denoiser import Denoiser
from .nets import MLP, UNet, layout
from .schedule import Schedule
from .study.metrics import Classifier

NETS: dict[str, type[UNet] | type[MLP]] = {net.__name__: net for net in (UNet, MLP)}
PREDICTIONS: dict[str, type[prediction.Prediction]] = {
    p.__name__: p for p in (prediction.Eps, prediction.X0, prediction.V, prediction.Mu, prediction.Score)
}
LARGEST = 1 << 30  # bytes
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
    write(path, dict(denoiser.net.state_dict(), abar=denoiser.schedule.abar), config)


def load(path: str | Path) -> Denoiser:
    """The denoiser in a file that `save` wrote, in float32, on the CPU, in eval mode.

    ValueError if the file is not what was saved, FileNotFoundError.
    """
    tensors, config = read(path)
    try:
        schedule = Schedule(tensors.pop("abar"))
        before = {"lean": False} if config["net"] == "UNet" else {}  # in files from before there was a choice
        net = build(NETS[config["net"]], before | config["args"], tensors)
        denoiser = Denoiser(net, schedule, PREDICTIONS[config["prediction"]](), config["clip"])
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ValueError(f"{path} holds no denoiser that this version can build: {error}") from None
    return denoiser.eval()


def build(kind: type[N], args: dict[str, Any], tensors: dict[str, Tensor]) -> N:
    """The network that holds `tensors`; takes no memory, and draws nothing, before they are known to fit.

    A file's sum says that it is whole, not that it means well: its configuration may ask for a billion
    layers.  ValueError, TypeError, RuntimeError or ArithmeticError if the tensors are of another network.
    """
    for name, value in dict(args).items():
        for number in value if name == "mults" else [value]:
            if number is not None and name != "lean":
                checks.whole(number, name, 0, LARGEST)
    with torch.device("meta"), at_most(len(tensors)):
        net = kind(**args)
    net.load_state_dict(tensors, assign=True)
    layout(net.float())
    return net


@contextmanager
def at_most(weights: int) -> Iterator[None]:
    """Stop the building of a network in this thread, by ValueError, at one tensor more than so many."""
    left, mine = weights, threading.get_ident()

    def count(*_: object) -> None:
        nonlocal left
        left -= threading.get_ident() == mine  # torch calls for what any thread builds
        if left < 0:
            raise ValueError(f"its configuration asks for more weights than the {weights} tensors it holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def pretrained(name: str) -> Denoiser:
    """The denoiser that ships under `name` in data/, "digits" among them.  ValueError names the others."""
    return load(shipped(name))


def classifier(name: str) -> Classifier:
    """The classifier that ships for the pictures of `name`, "digits" among them, in eval mode."""
    tensors, config = read(shipped(name, "classifier"))
    return build(Classifier, config["args"], tensors).eval()


def card(path: str | Path) -> dict[str, Any]:
    """What was written about a model when it was saved; or ValueError, FileNotFoundError."""
    config = read(path)[1]
    if not isinstance(config, dict) or not isinstance(told := config.get("card"), dict):
        raise ValueError(f"{path} holds no model with a card, such as model.safetensors of a run")
    return told


def shipped(name: str, kind: str = "denoiser") -> Path:
    """The file in data/ with the weights of that name, or ValueError with the names there are."""
    names = sorted(p.name.removesuffix(f"-{kind}.safetensors") for p in SHIPPED.glob(f"*-{kind}.safetensors"))
    if name not in names:
        raise ValueError(f"no {kind} called {name!r} ships with the course; there is {', '.join(names)}")
    return SHIPPED / f"{name}-{kind}.safetensors"


def write(path: str | Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Tensors and a JSON configuration with their sum, all or nothing.

    ValueError rather than good weights written over by NaN; OSError if the file can't be written.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    if lost := [name for name, t in tensors.items() if not bool(t.isfinite().all())]:
        raise ValueError(
            f"{path} is left as it was: {lost[0]} holds NaN or infinite numbers: the training has diverged; "
            "try a lower lr"
        )
    raw = write_tensors(tensors, {"config": json.dumps(config, sort_keys=True), "sha256": BLANK})
    field = '"sha256":"{}"'  # in the configuration every quote is escaped
    raw = raw.replace(field.format(BLANK).encode(), field.format(hashlib.sha256(raw).hexdigest()).encode(), 1)
    if len(raw) > LARGEST:
        raise ValueError(f"{path} is left as it was: of {len(raw):,} bytes, {LARGEST:,} would be read back")
    store(Path(path), raw)


def read(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write` wrote, or FileNotFoundError / ValueError before any tensor is built."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    if (size := path.stat().st_size) > LARGEST:
        raise ValueError(f"{path} has {size:,} bytes; refused: more than {LARGEST:,}")
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
        return read_tensors(raw), config
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(f"{path} has a sum that is right and tensors that can't be read: {error}") from None
