"""Figures turned by a slider: which one is shown, what the page is given, what is refused."""

import io
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ddpm_core.teach import turn
from ddpm_core.teach.page.figures.style import styled


@styled
def bar(height, width=3):
    figure, axes = plt.subplots(figsize=(width, 1))
    axes.bar([0], [height])
    axes.set(ylim=(0, 1))
    return figure


FIGURES = {eta: bar(eta) for eta in (0.0, 0.25, 0.5, 1.0)}


def sheets(w):
    ends = np.cumsum([0, *w.sizes])
    parts = [w.sheets[a:b] for a, b in pairwise(ends)]
    return [np.asarray(Image.open(io.BytesIO(part)).convert("RGBA")) for part in parts]


def test_the_page_is_given_each_figure_in_its_order():
    w = turn(FIGURES, "η")
    assert (w.labels, w.across) == (["0", "0.25", "0.5", "1"], 300)
    blue = [(sheet[..., 2] > sheet[..., 0].astype(int) + 100).sum() for sheet in sheets(w)]
    assert blue == sorted(blue)
    assert blue[0] < blue[1] < blue[-1]
    assert {sheet.shape for sheet in sheets(w)} == {(200, 600, 4)}


def test_no_figure_has_a_paper_of_its_own():
    assert all(sheet[0, 0, 3] == 0 for sheet in sheets(turn(FIGURES, "η")))


def test_the_slider_counts_figures_and_says_their_values():
    w = turn(FIGURES, "η")
    assert (w.t, w.value) == (0, 0.0)
    w.t = 3
    assert w.value == 1.0
    for bad in (4, -1, True):
        with pytest.raises(TraitError, match="t must be"):
            w.t = bad
    assert repr(w) == "turn: 4 figures, η = 0..1"


def test_the_still_shows_three_of_them():
    still = Image.open(io.BytesIO(turn(FIGURES, "η").still()))
    assert still.size == (300, 3 * 126)  # each with a line of text above it
    ink = (np.asarray(still.convert("RGBA"))[..., 3] > 0).reshape(3, 126, 300)[:, :26].sum((1, 2))
    assert (ink > 50).all()
    assert len({*ink}) == 3  # three values, not one three times


@pytest.mark.parametrize(
    ("figures", "error", "words"),
    [
        ([bar(1.0)], TypeError, "Figures by the slider's values"),
        ({0.0: "a figure"}, TypeError, "Figures by the slider's values"),
        ({0.0: bar(1.0)}, ValueError, "two values or more"),
        ({1.0: bar(1.0), 0.0: bar(0.0)}, ValueError, "which rise"),
        ({"a": bar(1.0), "b": bar(0.0)}, TypeError, "a value of the slider"),
        ({0.0: bar(1.0), 1.0: bar(0.0, width=4)}, ValueError, "one size"),
    ],
)
def test_what_cannot_be_turned_is_refused(figures, error, words):
    with pytest.raises(error, match=words):
        turn(figures, "η")
