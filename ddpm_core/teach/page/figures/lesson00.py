"""What lesson 00 opens with: ten digits on their way from noise."""

import torch

from ....checkpoints import pretrained
from ....sampling import sample
from ..widgets import FrameScrubber, scrub


def ten_digits(seed: int = 0, steps: int = 50) -> FrameScrubber:
    """A scrubber that plays: digits of 28x28, asked for from 0 to 9, drawn by the network that ships.

    seed: of the noise; another one gives ten others.
    """
    g = torch.Generator().manual_seed(seed)
    model = pretrained("mnist").given(torch.arange(10))
    noise = torch.randn(10, 1, 28, 28, generator=g)
    walk = sample(model, noise, model.schedule.times(steps), generator=g)
    return scrub([frame._replace(x0=None, noise=None) for frame in walk], columns=5, plays=True)
