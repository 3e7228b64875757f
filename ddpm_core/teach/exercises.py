"""The bank under its former name: `from ddpm_core.teach.exercises import bank`."""

from . import exercise
from .bank import bank

__all__ = ["bank", "exercise"]
