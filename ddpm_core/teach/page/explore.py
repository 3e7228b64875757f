"""A figure with controls.

    w = explore(draw, T=widgets.IntSlider(100, 2, 1000), std=widgets.FloatSlider(0.5, 0.1, 2.0))

calls draw(T=..., std=...) whenever a control changes, and shows the figure that it returns.  Unlike with
`interact`, a later cell can set the controls, w.set(T=10), and an error in `draw` is then raised there.
"""

import base64
import io
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import Figure

from ... import checks
from .figures.style import CLEAR, DPI, styled
from .still import Still


class Explorer(Still, widgets.VBox):  # type: ignore[misc]
    """The widget that `explore` returns: `controls` by name, and the picture below them."""

    def __init__(self, draw: Callable[..., Figure], controls: dict[str, widgets.ValueWidget]):
        self._draw, self.controls, self._held = styled(draw), controls, False
        self.picture = widgets.Image(
            format="png", layout=widgets.Layout(max_width="100%", align_self="flex-start")
        )
        panel = widgets.Box(list(controls.values()), layout=widgets.Layout(flex_flow="row wrap"))
        super().__init__([panel, self.picture])
        for control in controls.values():
            control.observe(self._follow, names="value")
        self._follow()

    def set(self, **values: Any) -> None:
        """Set controls from code.  ValueError for a name that is none of them.

        If a control refuses its value, its TraitError is raised and no control has changed.
        """
        for name in values:
            if name not in self.controls:
                raise ValueError(f"there is no control {name!r}; there are {', '.join(self.controls)}")
        before = {name: self.controls[name].value for name in values}
        self._held = True
        try:
            self._place(values)
        except BaseException:
            self._place(before)
            raise
        finally:
            self._held = False
        self._follow()

    def _place(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.controls[name].value = value

    def _follow(self, _: object = None) -> None:
        if self._held:
            return
        figure = self._draw(**{name: control.value for name, control in self.controls.items()})
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=2 * DPI, facecolor=CLEAR)
        self.picture.width = f"{round(DPI * figure.get_figwidth())}"
        self.picture.value = file.getvalue()

    def _sizes(self) -> dict[str, dict[str, int]]:
        return {"image/png": {"width": int(self.picture.width)}}

    def __repr__(self) -> str:
        return f"explore: {', '.join(self.controls)}"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        data: dict[str, Any] = super()._repr_mimebundle_(**kwargs)
        return {**data, "image/png": base64.b64encode(self.picture.value).decode()}


def explore(draw: Callable[..., Figure], **controls: widgets.ValueWidget) -> Explorer:
    """A figure with controls.  draw: takes the controls' values by name, and returns a matplotlib Figure.

    TypeError for a control that isn't a widget with a value, and if `draw` returns something else.
    """
    for name, control in controls.items():
        if not isinstance(control, widgets.Widget) or not control.has_trait("value"):
            raise TypeError(
                f"{name} must be a widget with a value, such as IntSlider(5), got {checks.brief(control)}"
            )
    return Explorer(draw, controls)
