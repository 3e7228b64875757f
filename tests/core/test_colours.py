"""Pictures in other colours: what turns, what stays, and what is never made."""

import pytest
import torch

from ddpm_core import data
from ddpm_core.study.colours import PURE, recoloured, tint, varied


@pytest.fixture(scope="module")
def known():
    emoji = data.emoji()
    return emoji.where(~emoji.held)


@pytest.fixture(scope="module")
def more(known):
    return recoloured(known)


def words(name):
    return set(name.split())


def test_tints_are_as_the_file_has_them(known):
    rows = range(0, len(known.names), 7)
    assert [tint(known.images[row]) for row in rows] == [known.tints[row] for row in rows]


@pytest.mark.slow
def test_what_is_recoloured_has_the_colour_that_its_name_says(more):
    assert len(more.names) > 9000
    for image, name, colour in zip(more.images[::11], more.names[::11], more.tints[::11], strict=True):
        assert tint(image) == colour
        assert words(name) & {*data.COLOURS} == {colour}
    assert {*more.tints} == {*PURE}


@pytest.mark.slow
def test_no_composition_that_is_held_out_is_made(known, more):
    said = [words(text) for emoji in (more, varied(known)) for both in emoji.captions for text in both]
    assert not any(words(pair) <= text for pair in data.COMPOSITIONS for text in said)
    assert {"red book", "purple book", "red frog"} <= {*more.names}
    assert not more.held.any()


@pytest.mark.slow
def test_people_and_flags_keep_their_colours(more):
    assert not {word for name in more.names for word in words(name)} & {"woman", "man", "flag", "firefighter"}


def test_shapes_and_white_stay(known):
    one = known.where(torch.arange(len(known.names)) == known.names.index("yellow heart"))
    others = recoloured(one)
    assert {*others.names} == {"red heart", "blue heart", "purple heart"}
    value = one.images.amax(1)
    assert (others.images.amax(1) - value).abs().max() < 0.02
    white = (one.images == 1).all(1).expand(len(others.names), -1, -1)
    assert torch.equal((others.images == 1).all(1), white)


def test_without_a_colour_there_is_nothing_to_turn(known):
    grey = known.where(torch.tensor([tint == "" for tint in known.tints]))
    assert recoloured(grey).images.shape == (0, 3, 32, 32)
    assert varied(grey).names == grey.names
