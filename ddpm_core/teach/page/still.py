"""Widgets in a notebook: beside each stands its still picture, for when nothing runs that could draw it.

A cell shows three outputs: the still, a line that says what to do, and the widget.  The line's style hides
the first two where the widget is alive, and the widget's place where it isn't: in JupyterLab and Notebook 7
an empty place reads "model not found".  Where the style isn't obeyed, all three are seen.
"""

import base64
from collections.abc import Sequence
from typing import Any

from IPython.display import DisplayHandle, display

from . import asset

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MARK = "ddpm-run"


class Still:
    """What makes a widget show itself so: to be named before ipywidgets' or anywidget's own class."""

    awakes = "This is a still picture. Run this cell to make it move."

    def _ipython_display_(self, **_: Any) -> None:
        data = self._bundle()
        view = {WIDGET_VIEW: data.pop(WIDGET_VIEW)} if WIDGET_VIEW in data else {}
        handles = self.__dict__.setdefault("_stills", [])
        handles.append(display(data, raw=True, display_id=True, metadata=self._sizes()))
        line = f'<style>{asset("still.css")}</style><p class="{MARK}">{self.awakes}</p>'
        display({"text/html": line, "text/plain": self.awakes}, raw=True)
        display(view, raw=True)

    def _bundle(self) -> dict[str, Any]:
        bundle = self._repr_mimebundle_()  # type: ignore[attr-defined]
        return dict(bundle[0] if isinstance(bundle, tuple) else bundle or {})

    def _sizes(self) -> dict[str, dict[str, int]]:
        """The width of the still on the page, by its format, where that isn't the file's own."""
        return {}

    def renew(self) -> None:
        """Replace the stills that are in the notebook: with what is true now, so that a file shows it."""
        handles: Sequence[DisplayHandle | None] = self.__dict__.get("_stills", [])
        data = {mime: content for mime, content in self._bundle().items() if mime != WIDGET_VIEW}
        for handle in handles:
            if handle is not None:
                handle.update(data, raw=True, metadata=self._sizes())


class Pictured(Still):
    """One whose still is a picture."""

    def still(self) -> bytes:
        """A still picture as the bytes of a PNG; it doesn't depend on where the sliders stand."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)  # type: ignore[misc]
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "image/png": base64.b64encode(self.still()).decode()}, metadata


def together(outputs: Sequence[Any]) -> list[Any]:
    """A cell's outputs with each widget's three as one, whose data hold the still and the view."""
    joined = list(outputs)
    for k, output in enumerate(outputs):
        if MARK in output.get("data", {}).get("text/html", "") and 0 < k < len(outputs) - 1:
            outputs[k + 1].data = {**outputs[k - 1].data, **outputs[k + 1].data}
            outputs[k + 1].metadata = outputs[k - 1].metadata
            joined = [each for each in joined if each is not output and each is not outputs[k - 1]]
    return joined
