"""Weights on disk: one safetensors file, without pickle, with all that is needed to rebuild the model.

Its header carries the configuration and a sha256 checksum of the whole file, taken with zeros in place of the
checksum's own 64 digits.  The checksum is verified before any tensor is built; it detects damage, not malice.
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
from .training import Run

NETS: dict[str, type[UNet] | type[MLP]] = {net.__name__: net for net in (UNet, MLP)}
PREDICTIONS: dict[str, type[prediction.Prediction]] = {
    p.__name__: p
    for p in (prediction.Eps, prediction.X0, prediction.V, prediction.Flow, prediction.Mu, prediction.Score)
}
BLANK = "0" * 64
N = TypeVar("N", bound=nn.Module)


def save(denoiser: Denoiser, path: str | Path, **card: Any) -> None:
    """Write a denoiser to `path`, atomically; `card` is stored with the weights as JSON.

    A U-Net takes pictures of any size: with shape=[C, H, W] in the card, `python -m ddpm_core sample --from`
    knows theirs.
    The network must be one of NETS and the prediction one of PREDICTIONS, TypeError otherwise.  OSError if
    the file can't be written.
    """
    for part, known in ((denoiser.net, NETS), (denoiser.prediction, PREDICTIONS)):
        if type(part) not in known.values():
            raise TypeError(f"can save {' and '.join(known)}, got a {type(part).__name__} of another kind")
    write_tensors(path, denoiser.net.state_dict() | tables(denoiser.schedule), _config(denoiser, card))


def save_run(run: Run, path: str | Path, **card: Any) -> None:
    """Write all of a run, `step.run`, to `path`, atomically, with `card` and the shape of an example.

    Between two steps: a step that was interrupted has moved a part of the weights.  From what is written,
    `load_run` goes on, and `load` gives the average so far.  (`load` needs a network and a prediction that
    `save` knows, `load_run` doesn't.)
    """
    card = {"shape": run.settings["shape"]} | card
    write_tensors(path, run.tensors() | tables(run.average.schedule), _config(run.average, card))


def load_run(path: str | Path) -> dict[str, Tensor]:
    """What `save_run` wrote, to go on from: train(..., resume=load_run(path)).

    FileNotFoundError, or ValueError if the file is damaged or holds no run.
    """
    tensors, _ = read_tensors(path)
    if not {"counts", "settings"} <= tensors.keys():
        raise ValueError(f"{path} is no save of a run, or one of another version; move it away")
    return tensors


def _config(denoiser: Denoiser, card: dict[str, Any]) -> dict[str, Any]:
    return {
        "net": type(denoiser.net).__name__,
        "args": getattr(denoiser.net, "config", None),
        "prediction": type(denoiser.prediction).__name__,
        "clip": denoiser.clip,
        "card": card,
    }


def load(path: str | Path) -> Denoiser:
    """The denoiser in a file that `save` or `save_run` wrote, in float32, on the CPU, in eval mode.

    ValueError if the file is damaged or holds no denoiser, FileNotFoundError if it is missing.
    """
    tensors, config = read_tensors(path)
    try:
        known = {name: tensors.pop(name) for name in ("abar", "signal", "noise") if name in tensors}
        schedule = Schedule(**known)
        if "counts" in tensors:  # a run: the average in it
            head = "average.net."
            tensors = {n.removeprefix(head): t for n, t in tensors.items() if n.startswith(head)}
        before = {"lean": False} if config["net"] == "UNet" else {}  # older files don't say
        net = rebuild(NETS[config["net"]], before | config["args"], tensors)
        vars(net)["trained_T"] = schedule.T  # what its times mean; `Denoiser` warns of another
        denoiser = Denoiser(net, schedule, PREDICTIONS[config["prediction"]](), config["clip"])
    except (KeyError, TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        raise ValueError(f"{path} holds no denoiser that this version can build: {error}") from None
    return denoiser.eval()


def tables(schedule: Schedule) -> dict[str, Tensor]:
    """What rebuilds a schedule: its abar where that says it all, else its signal and its noise."""
    if schedule.preserving and Schedule(schedule.abar) == schedule:
        return {"abar": schedule.abar}
    return {"signal": schedule.signal, "noise": schedule.noise}


def rebuild(kind: type[N], args: dict[str, Any], tensors: dict[str, Tensor]) -> N:
    """The network kind(**args) with `tensors` as its weights, in float32; no initial weights are drawn.

    ValueError, TypeError, RuntimeError or ArithmeticError if the tensors belong to another network.
    """
    with torch.device("meta"):
        net = kind(**args)
    net.load_state_dict(tensors, assign=True)
    set_memory_format(net.float())
    return net


def pretrained(name: str) -> Denoiser:
    """The denoiser that ships as `name`, such as "digits".  ValueError for another name lists them all."""
    return load(shipped(name))


def card(path: str | Path) -> dict[str, Any]:
    """The card that a model was saved with.  ValueError if it has none, FileNotFoundError."""
    config = read_tensors(path)[1]
    if not isinstance(config, dict) or not isinstance(told := config.get("card"), dict):
        raise ValueError(f"{path} holds no model with a card, such as model.safetensors of a run")
    return told


def shipped(name: str, kind: str = "denoiser") -> Path:
    """The file of weights that ships as `name`.  ValueError for another name lists them all."""
    names = sorted(p.name.removesuffix(f"-{kind}.safetensors") for p in SHIPPED.glob(f"*-{kind}.safetensors"))
    if name not in names:
        there = ", ".join(names) or f"none: {RESTORE}"
        raise ValueError(f"no {kind} called {name!r} ships with the course; there is {there}")
    return SHIPPED / f"{name}-{kind}.safetensors"


def write_tensors(path: str | Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write tensors and a JSON configuration with their checksum, atomically.

    ValueError if a tensor holds NaN or infinities, so that they never replace good weights; OSError if the
    file can't be written.
    """
    tensors = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    if lost := [name for name, t in tensors.items() if not bool(t.isfinite().all())]:
        raise ValueError(
            f"{path} is left as it was: {lost[0]} holds NaN or infinite numbers: the training has diverged; "
            "try a lower lr"
        )
    raw = safetensors.torch.save(tensors, {"config": json.dumps(config, sort_keys=True), "sha256": BLANK})
    field = '"sha256":"{}"'  # can't match in the configuration, where every quote is escaped
    raw = raw.replace(field.format(BLANK).encode(), field.format(hashlib.sha256(raw).hexdigest()).encode(), 1)
    files.write(Path(path), raw)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the configuration that `write_tensors` wrote.

    FileNotFoundError, or ValueError if the file is damaged, before any tensor is built.
    """
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
