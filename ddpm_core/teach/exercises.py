"""The bank by its older name: `from ddpm_core.teach.exercises import bank`."""

from . import exercise
from .bank import bank

__all__ = ["bank", "exercise"]
