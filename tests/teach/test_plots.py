"""Figures: positions of their parts."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from matplotlib.patches import FancyArrowPatch

from ddpm_core.teach.page.plots import chain, show, strip, tile


def pictures(n, channels=1):
    return torch.rand(n, channels, 4, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1


def arrows(figure):
    """Tail, head and line style of each arrow, in figure coordinates."""
    found = [a for a in figure.get_children() if isinstance(a, FancyArrowPatch)]
    return [(*a._posA_posB, a.get_linestyle()) for a in found]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_chain_shows_its_pictures_from_left_to_right(channels):
    x = pictures(3, channels)
    figure = chain(x, ["a", "b", "c"], ["f", "g"], ["h", "i"])
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(one.x1 < next_.x0 for one, next_ in pairwise(boxes))
    assert boxes[0].x0 >= 0
    assert boxes[-1].x1 <= 1 + 1e-9
    for axes, picture in zip(figure.axes, x, strict=True):
        assert np.array_equal(axes.images[0].get_array(), tile(picture[None], 1))
    names = [t for t in figure.texts if t.get_text() in "abc"]
    assert [t.get_text() for t in names] == ["a", "b", "c"]
    for name, box in zip(names, boxes, strict=True):
        across, up = name.get_position()
        assert box.x0 < across < box.x1
        assert up < box.y0


def test_solid_arrows_lead_on_and_dashed_ones_back():
    figure = chain(pictures(3), ["a", "b", "c"], ["f", "g"], ["h", "i"])
    boxes = [axes.get_position() for axes in figure.axes]
    all_ = arrows(figure)
    on = [a for a in all_ if a[2] == "-"]
    back = [a for a in all_ if a[2] == "--"]
    assert len(on) == len(back) == 2
    for k in range(2):
        (tail, head, _), (back_tail, back_head, _) = on[k], back[k]
        assert boxes[k].x1 < tail[0] < head[0] < boxes[k + 1].x0
        assert (back_tail[0], back_head[0]) == (head[0], tail[0])
        assert tail[1] == head[1] > back_tail[1] == back_head[1]
    place = {t.get_text(): t.get_position() for t in figure.texts}
    assert place["f"][0] < boxes[1].x0 < place["g"][0]
    assert place["f"][1] > on[0][0][1]
    assert place["h"][1] < back[0][0][1]
    assert place["h"][0] == place["f"][0]
    assert place["i"][0] == place["g"][0]


@pytest.mark.parametrize(
    ("names", "forward", "backward", "got"),
    [
        (["a"], ["f"], ["h"], "got 1, 1 and 1"),
        (["a", "b"], [], ["h"], "got 2, 0 and 1"),
        (["a", "b"], ["f"], ["h", "i"], "got 2, 1 and 2"),
    ],
)
def test_a_chain_wants_a_name_for_each_and_a_text_between(names, forward, backward, got):
    with pytest.raises(ValueError, match=f"2 pictures need 2 names and 1 texts each way, {got}"):
        chain(pictures(2), names, forward, backward)


BAD = [
    (pictures(2)[:0], ValueError, r"\(N, C, H, W\) with C = 1 or 3, got \(0, 1, 4, 6\)"),
    (pictures(2)[0], ValueError, r"got \(1, 4, 6\)"),
    (pictures(2, 2), ValueError, r"got \(2, 2, 4, 6\)"),
    (pictures(2, 4), ValueError, r"got \(2, 4, 4, 6\)"),
    ((pictures(2) * 255).byte(), TypeError, "must be floating point, got torch.uint8; map bytes"),
    (pictures(2).where(pictures(2) > 0, torch.nan), ValueError, r"holds \d+ entries that are NaN"),
    ([1, 2], TypeError, r"must be a tensor of shape \(B, ...\), got list \[1, 2\]"),
]


@pytest.mark.parametrize(("images", "error", "words"), BAD)
def test_what_is_no_pictures_is_told_what_came(images, error, words):
    with pytest.raises(error, match=f"images .*{words}"):
        show(images)
    with pytest.raises(error, match=f"row 1 .*{words}"):
        strip([pictures(2), images], ["a", "b"], ["c", "d"])
    with pytest.raises(error, match=f"pictures .*{words}"):
        chain(images, ["a", "b"], ["c"], ["d"])


@pytest.mark.parametrize(("columns", "error"), [(0, ValueError), (-1, ValueError), (2.5, TypeError)])
def test_columns_are_a_whole_number(columns, error):
    for draw in (show, tile):
        with pytest.raises(error, match=f"columns must be .*got .*{columns}"):
            draw(pictures(2), columns)


@pytest.mark.parametrize(
    ("rows", "names", "heads", "words"),
    [
        ([], [], ["c"], "got 0 rows and 1 heads"),
        ([pictures(2)], ["a"], [], "got 1 rows and 0 heads"),
        ([pictures(2)], ["a", "b"], ["c", "d"], "each row needs a name, got 1 rows and 2 names"),
        ([pictures(2), pictures(3)], ["a", "b"], ["c", "d"], "got 3 pictures in row 1 and 2 heads"),
        ([pictures(2)], ["a"], ["c", "d", "e"], "got 2 pictures in row 0 and 3 heads"),
    ],
)
def test_a_strip_wants_a_name_for_each_row_and_a_head_for_each_picture(rows, names, heads, words):
    with pytest.raises(ValueError, match=words):
        strip(rows, names, heads)


def test_what_lies_beyond_is_black_or_white_even_if_it_is_infinite():
    x = pictures(2)
    x[0], x[1] = -torch.inf, torch.inf
    assert np.unique(show(x).axes[0].images[0].get_array()).tolist() == [0, 1]
    assert len(strip([x, pictures(2, 3)], ["a", "b"], ["c", "d"]).axes) == 4
