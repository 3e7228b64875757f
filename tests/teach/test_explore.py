import base64

import ipywidgets as widgets
import matplotlib.pyplot as plt
import pytest
from traitlets import TraitError

from ddpm_core.teach.page.explore import explore


def line(slope, style):
    if slope > 2:
        raise ZeroDivisionError("a fault in the figure")
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, 1], [0, slope], style)
    return figure


def made():
    return explore(
        line, slope=widgets.FloatSlider(1.0, min=0, max=3), style=widgets.Dropdown(options=["-", ":"])
    )


def test_the_picture_follows_every_control():
    w = made()
    seen = [bytes(w.picture.value)]
    w.set(slope=0.5)
    seen.append(bytes(w.picture.value))
    w.controls["style"].value = ":"
    seen.append(bytes(w.picture.value))
    assert len(set(seen)) == 3
    assert all(png.startswith(b"\x89PNG") for png in seen)
    w.set(slope=1.0, style="-")
    assert w.picture.value == seen[0]
    assert not plt.get_fignums(), "a figure left open is shown a second time"


def test_an_error_in_the_figure_is_an_error_of_the_cell():
    w = made()
    with pytest.raises(ZeroDivisionError):
        w.set(slope=2.5)
    with pytest.raises(ValueError, match="no control 'speed'; there are slope, style"):
        w.set(speed=1)


def test_a_still_picture_stays_behind():
    w = made()
    bundle = w._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == w.picture.value
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert repr(w) == "explore: slope, style"


def test_a_value_that_is_refused_moves_nothing():
    w = made()
    seen = bytes(w.picture.value)
    for values in ({"slope": 0.5, "style": "~"}, {"style": ":", "slope": "steep"}):
        with pytest.raises(TraitError):
            w.set(**values)
        assert {name: control.value for name, control in w.controls.items()} == {"slope": 1.0, "style": "-"}
    assert w.picture.value == seen
    w.set(slope=0.5)
    assert w.picture.value != seen


def test_what_can_not_be_explored_says_why():
    with pytest.raises(TypeError, match=r"draw must return a Figure.*, got NoneType None"):
        explore(lambda: None)
    with pytest.raises(TypeError, match=r"T must be a widget with a value.*, got int 5"):
        explore(line, T=5)
    with pytest.raises(TypeError, match="T must be a widget with a value"):
        explore(line, T=widgets.VBox())
