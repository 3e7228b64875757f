"""What a lesson folds: by its authors' tags, and what only imports, asks or compares."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from ddpm_core.teach.page.folds import COLLAPSED, deeper, fold, is_folded
from ddpm_core.teach.site.lessons import lesson

PLUMBING = [
    "import torch\n\nfrom ddpm_core import linear",
    'q1 = exercise("02.1")\nq1',
    'quiz("02.7")',
    "# it holds\nassert 1 < 2\nassert 2 < 3",
    "course_map()",
]
TAUGHT = [
    "import torch\nx = torch.zeros(1)",
    "scrubber",
    "answer = ...\nq1.check(answer)",
    "x = 1\nassert x",
    "def f(x):\n    assert x",
    "print(exercise)",
    "q1.hint()",
    "%timeit 1",
    "",
]


@pytest.mark.parametrize("source", PLUMBING)
def test_what_is_not_taught_is_folded(source):
    assert is_folded(new_code_cell(source))


@pytest.mark.parametrize("source", TAUGHT)
def test_what_is_taught_is_folded_only_if_its_author_says_so(source):
    cell = new_code_cell(source)
    assert not is_folded(cell)
    fold(cell)
    fold(cell)
    assert is_folded(cell)
    assert cell.metadata == {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}


def collapsed(text):
    return new_markdown_cell(text, metadata={COLLAPSED: True})


CELLS = [
    *(new_markdown_cell("# 77 · A lesson"), new_markdown_cell("## 1 · The road")),
    *(collapsed("## Deeper\n\nA proof."), new_code_cell("x = 1"), new_markdown_cell("### Its second half")),
    *(collapsed("## Deeper still"), collapsed("### A part of it")),
    *(
        new_markdown_cell("## 2 · On the road again"),
        collapsed("No heading."),
        new_code_cell("# road\nx = 2"),
    ),
]


def test_a_folded_section_ends_at_the_next_heading_of_its_level():
    assert [*deeper(CELLS)] == [0, 0, 1, 1, 1, 2, 2, 0, 0, 0]
    assert [*deeper([collapsed("### a"), new_markdown_cell("## b")])] == [1, 0]


def test_on_the_site_what_is_folded_can_be_opened(tmp_path):
    cells = [*map(nbformat.from_dict, CELLS), new_code_cell(PLUMBING[0])]
    page = lesson("77_a_lesson", nbformat.v4.new_notebook(cells=cells), tmp_path).html
    first, second = page.split('<details class="deeper">')[1:]
    assert first.startswith('<summary><h2 id="deeper">Deeper</h2></summary>')
    assert "Its second half" in first.split("</details>")[0]
    assert second.startswith('<summary><h2 id="deeper-still">')
    assert "A part of it" in second.split("</details>")[0]
    road = second.split("</details>")[1]
    assert "On the road again" in road
    assert '<details class="fold"><summary>Code</summary>' in road
    assert page.count('class="fold"') == 1
    assert page.count("<details") == page.count("</details>") == 3
