"""What a lesson needs and a GPU doesn't: pictures, for now."""

from .plots import show, strip

__all__ = ["show", "strip"]
