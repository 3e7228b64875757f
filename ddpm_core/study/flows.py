"""Flow matching as papers write it: time from 0 (picture) to 1 (noise), a velocity as a plain function."""

from collections.abc import Callable

from torch import Tensor

Net = Callable[[Tensor, Tensor], Tensor]
Velocity = Callable[[Tensor, float], Tensor]


def flow_loss(net: Net, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    """The loss of a step of flow matching: (B,).  x0, eps: (B, D); t: (B, 1), within 0..1."""
    xt = (1 - t) * x0 + t * eps
    return (((eps - x0) - net(xt, t)) ** 2).sum(1)


def heun_step(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    """From t to s with the mean of the velocities at both ends of Euler's step: (B, ...)."""
    here = velocity(x, t)
    there = velocity(x + (s - t) * here, s)
    return x + (s - t) * (here + there) / 2
