"""A model card for a model of one's own pictures: its numbers are measured, and measured again when checked.

    numbers = measured(pictures, samples)
    text = model_card(numbers, "runs/mine", "my/pictures")      with blanks to fill in
    disagreements(text, numbers)                                what of it agrees, and what is missing

From the command line: python -m ddpm_core.teach card --from runs/mine --data my/pictures.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import checks, files
from ...commands.models import model, painter
from ...commands.recipes import texts
from ...commands.sample import WALKS
from ...denoiser import Denoiser
from ...folders import FITS, Folder, folder
from ...sampling import last
from ...study.latents import encoded, pretrained_autoencoder
from ...study.metrics import frechet, grey_apart, jackknife

SAMPLES, SPLITS = 64, 20
NEAR = 0.5  # of the distance between two pictures: nearer, and a sample counts as a copy
SLACK = 0.1  # by which a number on a card may differ from what is measured, and still agree
BLANK = "(write here:"
NAMES = {
    "pictures": "pictures",
    "apart": "from a picture to its nearest other, grey levels",
    "nearest": "from a sample to its nearest picture, grey levels",
    "copies": "samples that are copies, percent",
    "frechet": "Fréchet distance of the samples to the pictures",
    "error": "its standard error",
    "floor": "the same between two halves of the pictures",
}
TEMPLATE = """\
# Model card: {run}

**What it draws.** {blank} in a sentence)

**The pictures.** {pictures} from `{data}`. Source: {blank} where they are from, who made them)
Licence: {blank} what their licence allows, and whom it asks to name)

**How it was made.** {blank} the command, and how long it took)

| measured | |
|---|--:|
{rows}

**Memory or not.** {blank} what the distances say, with the numbers)

**What it can't do, and who is missing.** {blank} faults that you have seen, and what there was little of)
"""


@torch.no_grad()
def measured(pictures: Tensor, samples: Tensor) -> dict[str, float]:
    """The numbers of a card, for pictures (N, C, H, W) and samples (M, C, H, W), both in [-1, 1].

    Distances are root mean squares; a copy is a sample that is less than half as far from its nearest
    picture as pictures are from each other, in the mean.  The Frechet distance is taken in 16 features: a
    picture's latents by the emoji's autoencoder, averaged over its quarters.  ValueError for fewer than 8 of
    either, or for other shapes.
    """
    for name, x in (("pictures", pictures), ("samples", samples)):
        if len(checks.pictures(x, name)) < 8:
            raise ValueError(f"at least 8 {name} are needed to compare, got {len(x)}")
    checks.same_shape(pictures[:1], samples[:1], "pictures", "samples")
    exact = pictures.double()
    among, to = grey_apart(exact, exact), grey_apart(samples.double(), exact)
    among.fill_diagonal_(torch.inf)
    apart, nearest = among.amin(1).mean(), to.amin(1)
    real, made = features(pictures), features(samples)
    value, error = jackknife(lambda x: frechet(x, real), made)
    return {
        "pictures": float(len(pictures)),
        "apart": apart.item(),
        "nearest": nearest.mean().item(),
        "copies": 100 * (nearest < NEAR * apart).float().mean().item(),
        "frechet": value,
        "error": error,
        "floor": _halves(real),
    }


def features(x: Tensor) -> Tensor:
    """16 numbers for each picture (N, C, H, W): what is where in its four quarters.  (N, 16), float64."""
    x = F.interpolate(x.expand(-1, 3, -1, -1), (32, 32), mode="area")
    z = encoded(pretrained_autoencoder("emoji"), x).mean
    return F.adaptive_avg_pool2d(z, 2).flatten(1).double()


def drawn(run: str, saved: Mapping[str, Any], denoiser: Denoiser, own: Folder) -> Tensor:
    """Samples of a run as it samples by default, always the same: with the words or labels of the pictures.

    ValueError for a run that is meant for a walk that there isn't.
    """
    if (name := saved.get("walk", "ancestral")) not in WALKS:
        raise ValueError(f"{run} was meant for a walk {name!r}, which there isn't")
    dice = torch.Generator().manual_seed(0)
    told = _told(denoiser, own, saved, dice)
    x_T = denoiser.schedule.start(torch.randn(SAMPLES, *saved["shape"], generator=dice))
    end = last(WALKS[name](told, x_T, denoiser.schedule.times(saved.get("steps")), dice)).xt
    return painter(run, dict(saved), x_T.device)(end)


def model_card(numbers: Mapping[str, float], run: str, data: str) -> str:
    """A model card with these numbers, and blanks for what can't be measured."""
    rows = "\n".join(f"| {name} | {_said(key, numbers[key])} |" for key, name in NAMES.items())
    count = _said("pictures", numbers["pictures"])
    return TEMPLATE.format(run=run, data=data, pictures=count, rows=rows, blank=BLANK)


def disagreements(text: str, numbers: Mapping[str, float]) -> list[str]:
    """What is still wrong with a card: numbers that are missing or differ, and blanks; empty if nothing."""
    wrong = []
    for key, name in NAMES.items():
        found = re.search(rf"^\| *{re.escape(name)} *\| *([-+\d.,e]+) *\|", text, re.M)
        value = numbers[key]
        if found is None:
            wrong.append(f"the number is missing: {name}")
        elif abs(float(found[1].replace(",", "")) - value) > max(SLACK * abs(value), 0.01):
            wrong.append(f"{name}: the card says {found[1]}, measured is {_said(key, value)}")
    wrong += [f"still blank: {blank}" for blank in re.findall(re.escape(BLANK) + r" ([^)]*)\)", text)]
    return wrong


def write_or_check(run: str, data: str, out: Path, fit: str = "crop", background: str = "white") -> list[str]:
    """Write a run's card to `out`, or check the one that is there; what is to say of it, in lines.

    fit, background: as for the run's training.  ValueError or OSError if run or pictures can't be read, or if
    the run saw other pictures than these.
    """
    saved, denoiser = model(run, torch.device("cpu"))
    channels, side = saved.get("latent_of", saved["shape"])[::2]
    own = folder(data, side, fit=FITS[fit], background=background, channels=channels)
    if (seen := saved.get("pictures", own.digest)) != own.digest:
        raise ValueError(
            f"name the folder, --fit and --background as in its training: it saw {seen}, this is {own.digest}"
        )
    numbers = measured(own.images, drawn(run, saved, denoiser, own))
    if not out.exists():
        files.write(out, model_card(numbers, run, data).encode())
        told = [f"{name}: {_said(key, numbers[key])}" for key, name in NAMES.items()]
        return [*told, f"written: {out}"]
    wrong = disagreements(out.read_text("utf-8"), numbers)
    return wrong or [f"{out}: every number agrees, and nothing is blank"]


def _said(key: str, value: float) -> str:
    """A number as a card has it."""
    return f"{value:,.0f}" if key == "pictures" else f"{value:.3g}"


def _told(denoiser: Denoiser, own: Folder, saved: Mapping[str, Any], dice: torch.Generator) -> Denoiser:
    """The denoiser, told the words or labels of pictures by lot; itself if it takes none."""
    config = getattr(denoiser.net, "config", {})
    order = torch.randint(len(own), (SAMPLES,), generator=dice).tolist()
    said: Sequence[Sequence[str]] = texts(own, "latent_of" in saved)
    if config.get("words") and said:
        return denoiser.guided([said[k][0] for k in order], float(saved.get("guidance", 1.0)))
    if config.get("classes") and own.labels is not None:
        return denoiser.given(own.labels[order])
    return denoiser


def _halves(x: Tensor) -> float:
    """The mean distance between two random halves of features (N, d)."""
    orders = (torch.randperm(len(x), generator=torch.Generator().manual_seed(seed)) for seed in range(SPLITS))
    half = len(x) // 2
    return sum(frechet(x[o[:half]], x[o[half:]]) for o in orders) / SPLITS
