"""Data-parallel training: each process computes its share of every batch, and all take the same step.

Every process draws what the whole batch needs (which images, their times, their noise) from the same seed,
and keeps its own rows.  So a run doesn't depend on how many processes there are, and can be resumed by
another number of them.  Outside `processes` there is one process, which has all rows.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Context manager: join the processes that `torchrun` has started; gives this process's own device.

    Without torchrun it gives `device` and does nothing.
    """
    if "WORLD_SIZE" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()


def count() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_initialized() else 1


def first() -> bool:
    """Whether this process is the first, which prints and saves."""
    return not dist.is_initialized() or dist.get_rank() == 0


def own_slice(n: int) -> slice:
    """The rows of a batch of n that belong to this process."""
    if not dist.is_initialized():
        return slice(0, n)
    rank, world = dist.get_rank(), dist.get_world_size()
    return slice(-(-n * rank // world), -(-n * (rank + 1) // world))  # rounded up: the first is never idle


@torch.no_grad()
def same(tensors: Iterable[Tensor]) -> None:
    """Broadcast the first process's values to all processes, in place."""
    if dist.is_initialized():
        for t in tensors:
            dist.broadcast(t, 0)


@torch.no_grad()
def total(tensors: list[Tensor]) -> None:
    """Sum each tensor over the processes, in place, with one all-reduce."""
    if not dist.is_initialized():
        return
    parts = [_as_stored(t) for t in tensors]
    flat = torch.cat([part.flatten() for part in parts])
    dist.all_reduce(flat)
    for part, totals in zip(parts, flat.split([part.numel() for part in parts]), strict=True):
        part.copy_(totals.view_as(part))


def _as_stored(t: Tensor) -> Tensor:
    """A view whose axes are in memory order, so that a dense tensor is copied as one block."""
    return t.permute(sorted(range(t.ndim), key=t.stride, reverse=True))
