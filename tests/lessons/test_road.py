"""What the main road of a lesson must be, for the lessons of REBUILT; `road.py` measures it.

python -m pytest tests/lessons/test_road.py
"""

import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

sys.path.append(str(Path(__file__).parents[1]))
import browser
import minutes
import road

from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import grammar, tree
from ddpm_core.teach.page.folds import COLLAPSED, PACE, TAG, count_words, is_folded
from ddpm_core.teach.site.lessons import lesson

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
REBUILT = ("00", "01", "02", "03", "04", "05", "06", "07", "08", "09")  # written anew along their road
SITE = Path(road.ddpm_core.__file__).parent / "teach/site/site.css"


def read(path):
    return nbformat.read(path, as_version=4)


rebuilt = pytest.mark.parametrize(
    "path", [p for p in NOTEBOOKS if p.stem[:2] in REBUILT], ids=lambda p: p.stem[:2]
)


@rebuilt
def test_visible_code_is_short_and_asserts_nothing(path):
    assert not road.too_much_code(read(path))


@rebuilt
def test_a_picture_or_a_widget_is_in_the_first_screen(path):
    assert not road.no_picture_first(read(path))


@rebuilt
def test_exercises_are_numbered_in_reading_order_and_those_beside_the_road_are_optional(path):
    assert not road.out_of_order(read(path))
    assert not road.off_the_road(read(path))


@rebuilt
def test_the_road_is_walked_in_half_an_hour(path):
    on_the_road, _ = count_words(read(path).cells)
    assert 25 <= on_the_road / PACE <= 35 or path.stem.startswith("00")


@rebuilt
@pytest.mark.slow
def test_no_answer_stands_above_its_exercise(path):
    """Every displayed formula and number, and every visible function, is handed to the judge."""
    assert not road.given_away(read(path))


@rebuilt
@pytest.mark.slow
def test_code_takes_a_fifth_of_the_page_at_most(path, tmp_path):
    assert code_share(read(path), path.parent, tmp_path) <= 0.2


def code_share(notebook, folder, place):
    """The share of a page's height that visible code has on the site, in a window of 1280 by 900."""
    made = lesson("77_a_lesson", notebook, folder)
    for name, content in made.files.items():
        (place / name).write_bytes(content)
    page = f"<!doctype html><style>{SITE.read_text('utf-8')}</style><main>{made.html}</main>"
    (place / "page.html").write_text(page, "utf-8")
    with browser.browser() as chrome:
        tab = chrome.new_page(viewport={"width": 1280, "height": 900})
        tab.goto((place / "page.html").as_uri())
        return tab.evaluate(
            """() => {
                const high = (node) => node.getBoundingClientRect().height;
                const seen = [...document.querySelectorAll(".code")].filter((n) => !n.closest("details"));
                const code = seen.map(high).reduce((a, b) => a + b, 0);
                return code / high(document.querySelector("main"));
            }"""
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_what_is_folded_is_folded_everywhere(path):
    for cell in filter(lambda cell: cell.cell_type == "code", read(path).cells):
        hidden = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        assert hidden == is_folded(cell) == (TAG in cell.metadata.get("tags", [])), (
            cell.id,
            "make notebooks",
        )


# ── each measure is seen to find what it looks for ──────────────────────────────────────────────────────────

PNG = new_output("display_data", {"image/png": "iVBORw0KGgo="})


def book(*cells):
    made = [new_markdown_cell(c) if isinstance(c, str) else nbformat.from_dict(c) for c in cells]
    for k, cell in enumerate(made):
        cell.id = f"cell-{k}"
    return new_notebook(cells=made)


def code(source, *tags, outputs=()):
    return new_code_cell(source, metadata={"tags": [*tags]}, outputs=[*outputs])


def beside(text="## Deeper"):
    return new_markdown_cell(text, metadata={COLLAPSED: True})


LONG, LESS = "\n\n".join(["x = 1"] * 21), "\n\n".join(["x = 1"] * 20)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ([code(LESS)], []),
        ([code(LONG)], ["cell 0: 21 lines"]),
        ([code(LONG, TAG)], []),
        ([code("x = 1\nif x:\n    assert x")], ["cell 0: an assert is seen"]),
        ([code("assert 1")], []),  # it is folded by itself
        ([*[code(LESS)] * 7, code("x = 1\n" * 10)], []),
        ([*[code(LESS)] * 7, code("x = 1\n" * 11)], ["151 visible lines on the road"]),
        ([*[code(LESS)] * 7, beside(), code("x = 1\n" * 11)], []),
    ],
)
def test_too_much_code_is_seen(cells, found):
    assert road.too_much_code(book(*cells)) == found


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["# 77 · A lesson", code("x", outputs=[PNG])], ""),
        (["# 77 · A lesson\n\n![noise](noise.png)"], ""),
        (["word " * 121, code("x", outputs=[PNG])], "121 words and 0 lines of code"),
        (["word " * 120, code("x\n" * 6, outputs=[PNG])], ""),
        (["word " * 120, code("x\n" * 6), code("y", outputs=[PNG])], "120 words and 6 lines of code"),
        (["word", code("x\n" * 6, TAG), code("y", outputs=[PNG])], ""),
        (["word"], "there is no picture"),
    ],
)
def test_a_late_picture_is_seen(cells, found):
    assert "".join(road.no_picture_first(book(*cells))).startswith(found)
    assert bool(road.no_picture_first(book(*cells))) == bool(found)


def asks(id, how="exercise"):
    return code(f'{how}("{id}")')


def test_disorder_among_exercises_is_seen(monkeypatch):
    first, second, third = (key for key in list(bank) if bank[key].id in ("02.1", "02.2", "02.3"))
    assert not road.out_of_order(book(asks(first), asks(second), asks(third, "quiz")))
    assert road.out_of_order(book(asks(second), asks(first))) == ["cell 1: 02.1 after 02.2"]
    assert road.off_the_road(book(asks(first), beside(), asks(second))) == ["cell 2: 02.2"]
    monkeypatch.setattr(bank[second], "optional", True)
    assert not road.off_the_road(book(asks(first), beside(), asks(second)))
    assert road.off_the_road(book(asks(second))) == ["cell 0: 02.2"]


def test_the_road_and_what_lies_beside_it_are_counted_apart(tmp_path):
    nbformat.write(book("word " * 150 * 24, beside("## Deeper " + "word " * 150 * 7)), tmp_path / "a.ipynb")
    assert minutes.reading(tmp_path / "a.ipynb") == "25 + 10"
    nbformat.write(book("word " * 150 * 24, code("x = 1")), tmp_path / "a.ipynb")
    assert minutes.reading(tmp_path / "a.ipynb") == "25"


NUMBER = "02.shrink-factor"  # 0.9


@pytest.mark.parametrize(
    "above",
    [
        "The factor is 0.9 here.",
        "$$\\begin{aligned}x &= \\sqrt{1-0.19} \\\\ &= y\\end{aligned}$$",
        code("print(0.9)"),
        code("x", TAG, outputs=[new_output("stream", text="factor   0.900\n")]),
        code("x", outputs=[new_output("execute_result", {"text/plain": "0.9"})]),
    ],
)
def test_a_number_that_is_given_away_is_seen(above):
    (found,) = road.given_away(book(above, asks(NUMBER)))
    assert found.startswith("02.1 by cell 0: ")
    assert not road.given_away(book(asks(NUMBER), above))


@pytest.mark.parametrize(
    "above", ["The factor is 0.81, or 90, in section 9.", code("y = 0.9", TAG), "$x_{0.9}$", "It's x0.9."]
)
def test_another_number_is_no_answer(above):
    assert not road.given_away(book(above, asks(NUMBER)))


def test_a_formula_that_is_given_away_is_seen():
    exercise = next(e for e in bank.values() if isinstance(e, road.Symbolic))
    text = tree.latex(grammar.parse(exercise.answer))
    for above in (
        f"So we have $a = {text} = b$.",
        code(f"f({exercise.answer})"),
        code(f'f("{exercise.answer}")'),
    ):
        assert road.given_away(book(above, asks(exercise.key))), above
    assert not road.given_away(book("$a = \\beta_t^7$", code("f(beta)"), asks(exercise.key)))


def test_a_right_option_or_function_that_is_given_away_is_seen():
    choice = next(e for e in bank.values() if isinstance(e, road.Choice))
    above = f"Before.\n\n{choice.options[choice.answer]}\n\nAfter."
    assert road.given_away(book(above, asks(choice.key, "quiz")))
    sum_all = "def per_example(x):\n    return x.flatten(1).sum(1)"
    assert road.given_away(book(code(sum_all), asks("00.4")))
    assert not road.given_away(book(code(sum_all.replace("sum", "mean")), asks("00.4")))
    assert not road.given_away(book(code(sum_all, TAG), asks("00.4")))


def test_the_share_of_code_is_measured(tmp_path):
    tall = "\n".join(["x = 1"] * 40)
    assert code_share(book("A line.", code(tall)), tmp_path, tmp_path) > 0.8
    assert code_share(book("A line.", code(tall, TAG)), tmp_path, tmp_path) == 0
