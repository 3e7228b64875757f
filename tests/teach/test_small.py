"""Stored pictures: smaller where nobody sees it, and otherwise as they were."""

import base64
import io
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from PIL import Image

sys.path.append(str(Path(__file__).parents[1]))
import small

from ddpm_core.teach.page.figures import lesson02
from ddpm_core.teach.page.figures.style import DPI
from ddpm_core.teach.page.film import film
from ddpm_core.teach.page.plots import show
from ddpm_core.teach.page.small import SEEN


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, dpi=2 * DPI)
    return file.getvalue()


def pixels(data):
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA").convert("RGBa")).astype(float)


def test_lines_take_half_the_bytes_and_look_the_same():
    before = png(lesson02.over_the_steps({"a": [0.01 * k for k in range(300)]}, "height"))
    after = small.smaller(before)
    assert len(after) < 0.6 * len(before)
    assert np.abs(pixels(after) - pixels(before)).mean() < SEEN


@pytest.mark.slow
def test_pictures_keep_every_grey():
    greys = torch.linspace(-1, 1, 1024).reshape(1, 1, 32, 32)
    before = png(show(greys))
    assert small.smaller(before) == before


def test_only_pictures_of_a_notebook_change():
    before = png(lesson02.over_the_steps({"a": [1.0, 2.0]}, "height"))
    data = {"image/png": base64.b64encode(before).decode(), "text/plain": "a figure"}
    output = nbformat.v4.new_output("display_data", data)
    cell = nbformat.v4.new_code_cell("x = 1", outputs=[output], execution_count=1)
    notebook = small.shrunk(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell("a")]))
    told = notebook.cells[0].outputs[0].data
    assert base64.b64decode(told["image/png"]) == small.smaller(before) != before
    assert told["text/plain"] == "a figure"


def test_a_film_stays_a_film():
    before = film([torch.full((1, 1, 4, 4), x) for x in (-1.0, 0.0, 1.0)], 1)
    assert Image.open(io.BytesIO(before)).n_frames > 2
    assert small.smaller(before) == before
