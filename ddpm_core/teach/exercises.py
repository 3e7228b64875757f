"""The bank by its older name: `from ddpm_core.teach.exercises import bank`."""

from .bank import bank, exercise

__all__ = ["bank", "exercise"]
