"""The box to type into, without a browser: wishes are drawn state by state, unknown words are said."""

import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm_core.teach.page.easel import easel

SHADES = {"dark": -0.8, "light": 0.8}
asked = []


def draw(text, seed):
    """Three states of two pictures: noise, then as bright as the words say."""
    words = text.split()
    asked.append((text, seed))
    if words and not set(words) & set(SHADES):
        raise ValueError(f"this network knows no word of {text!r}")
    for word in words:
        if word not in SHADES:
            warnings.warn(f"left out: {word}", stacklevel=2)
    end = torch.full((2, 3, 8, 8), sum((SHADES.get(word, 0.0) for word in words), 0.0))
    noise = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    yield from (noise.clamp(-1, 1), (noise.clamp(-1, 1) + end) / 2, end)


@pytest.fixture
def w():
    asked.clear()
    return easel(draw, "light")


def shown(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def test_the_page_gets_every_state_and_the_last_one_stays(w):
    sent = []
    w.observe(lambda change: sent.append(change["new"]), "full")
    pictures = w.ask("dark")
    assert torch.equal(pictures, torch.full((2, 3, 8, 8), -0.8))
    assert len(sent) == 3
    assert sent[-1] == w.full
    assert np.abs(shown(w.full)[0, 0].astype(int) - (25, 25, 25, 255)).max() <= 1
    assert shown(w.full)[0, 8, 3] == 0  # clear between two pictures
    assert w.told == {"n": 1, "words": ["dark"], "dropped": [], "text": "dark", "said": "", "over": True}


def test_a_word_left_out_fills_the_second_row_from_the_same_noise(w):
    w.ask("dark light", seed=3)
    first = w.full
    w.ask("dark light", without="dark", seed=3)
    assert asked[-1] == ("light", 3)
    assert w.full == first
    assert np.abs(shown(w.less)[0, 0, :3].astype(int) - 230).max() <= 1
    w.ask("dark")
    assert w.less == b""


def test_unknown_words_are_said_on_the_page_and_raised_in_a_cell(w):
    w.ask("dark thing")
    assert w.told["said"] == "left out: thing"
    with pytest.raises(ValueError, match="no word"):
        w.ask("thing")
    assert "no word" in w.told["said"]
    assert w.told["over"]


def test_what_the_page_sends_may_be_anything(w):
    for wish in ({}, {"n": 3}, {"n": 4, "text": "dark", "dropped": [9], "seed": 2}):
        w.wish = wish
    assert asked[-1] == ("dark", 2)


def test_the_still_is_a_film_of_the_first_text_and_its_words_are_short(w):
    film = Image.open(io.BytesIO(w.still()))
    assert film.format == "PNG"
    assert film.n_frames >= 3
    assert repr(w) == "easel: light"


def test_bad_input_is_told():
    with pytest.raises(TypeError, match="draw must be a function"):
        easel("red heart")
    with pytest.raises(ValueError, match="text must have a word"):
        easel(draw, " ")
