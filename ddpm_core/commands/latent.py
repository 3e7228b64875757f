"""What `train --latent` does first: an autoencoder, and latents in place of pictures."""

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from .. import parallel
from ..speed import multiplies_bfloat16
from ..study import latents
from ..study.latents import Autoencoder, Plan
from .recipes import Data

SHARE, IMAGES = 0.3, 300_000  # of --minutes, for the autoencoder; what it sees if no time is given
WARM, TIMED = 3, 12  # steps of a trial: not counted, and counted


def images_in(seconds: float, batch: int, trial: Iterator[Any], device: torch.device) -> int:
    """How many images are seen in so many seconds: a few steps of `trial` are timed, and thrown away.

    Of several processes on their devices, the first one's time holds for all.
    """
    for _ in range(WARM):
        next(trial)
    start = time.perf_counter()
    for _ in range(TIMED):
        next(trial)
    took = (time.perf_counter() - start) / TIMED
    steps = torch.tensor([max(1, int(seconds / took) - WARM - TIMED)], device=device)
    parallel.same([steps])
    return int(steps) * batch


def new_autoencoder(
    own: Data, path: Path, minutes: float | None, device: torch.device, resume: bool
) -> Autoencoder:
    """An autoencoder for these pictures, trained and written to `path`, or read from there to resume."""
    if resume and path.is_file():
        return latents.load_autoencoder(path).to(device)
    x0, plan = own.images.to(device), Plan(IMAGES, bf16=multiplies_bfloat16(device))
    torch.manual_seed(plan.seed)
    made = Autoencoder(own.shape[0]).to(device)
    if minutes is not None:
        trial = latents.fit(copy.deepcopy(made), x0, plan._replace(images=10**9))
        plan = plan._replace(images=images_in(SHARE * 60 * minutes, plan.batch, trial, device))
    try:
        with tqdm(total=plan.images, unit=" images", unit_scale=True, disable=not parallel.first()) as bar:
            for step in latents.fit(made, x0, plan):
                bar.set_postfix_str(f"autoencoder's loss {step.losses.mean().item():.4f}", refresh=False)
                bar.update(step.images - bar.n)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(" while the autoencoder was trained, which is not kept; start anew") from None
    parallel.same([*made.state_dict().values()])  # each has trained it, and rounded in its own way
    if parallel.first():
        latents.save_autoencoder(made.eval(), path, shape=own.shape, images=plan.images)
    return made.eval()
