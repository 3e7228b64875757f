"""Modules that are imported at their first use: a bank can be read, and much of it judged, without torch."""

from importlib import import_module
from typing import Any


class Later:
    """A module that is imported when something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(self._name), attribute)


def later(*names: str) -> Any:
    """A `Later` for each name: "torch", or "process" for a module of this package."""
    outside = ("torch",)
    return [Later(name if name in outside else f"ddpm_core.{name}") for name in names]
