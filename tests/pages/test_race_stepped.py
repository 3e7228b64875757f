"""step_race in a browser, without a kernel: rows appear one by one, and who leads is what Python says."""

import pytest
import torch

from ddpm_core import Gaussian
from ddpm_core.teach.page.race import in_table, step_race
from ddpm_core.teach.page.widgets import loader, mounted


def races():
    q, p = (Gaussian(*(torch.tensor(v, dtype=torch.float64) for v in pair)) for pair in ((1, 0.25), (0, 1)))
    return step_race(q, p, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def tab(chrome):
    """A page with the widget, offline; at the end no error is in its console."""
    w, errors = races(), []
    with chrome.new_context(viewport={"width": 900, "height": 700}, offline=True) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(mounted(w.model_id, w._get_embed_state(), w.still(), repr(w)) + loader())
        page.wait_for_selector(".race[data-ready]")
        yield page
    assert errors == []


def standing(tab):
    """Race, rows arrived, leader and whether it is over, as the page has them."""
    return tab.evaluate(
        """() => {
            const { model } = document.querySelector(".scrub-mount");
            const { leader, over } = document.querySelector(".race").standing;
            return [model.get("race"), model.get("row"), leader, over];
        }"""
    )


def assert_python_agrees(tab):
    race, row, leader, over = standing(tab)
    w = races()
    w.race, w.row = race, row
    assert (leader, over) == (w.leader(), w.over)
    cells = [line.locator("td").all_text_contents() for line in tab.locator(".race-table tbody tr").all()]
    for k, (number, *values) in enumerate(cells):
        assert number == str(k + 1)
        if k < row:
            own = w.rows()[k]
            assert values == [in_table(v) for v in (*own, own.product)]
        else:
            assert values == [""] * 4
    assert tab.locator(".race-leads").count() == (leader > 0)
    assert tab.locator("circle:not(.race-hidden)").count() == row


def test_rows_arrive_one_by_one_and_leave_again(tab):
    assert_python_agrees(tab)
    slider = tab.locator(".scrub-time")
    for k in range(1, 11):
        slider.press("ArrowRight")
        assert standing(tab)[1] == k
        assert_python_agrees(tab)
    slider.press("Home")
    assert standing(tab)[:3] == [0, 0, 0]
    assert_python_agrees(tab)


def test_play_and_a_drag_bring_the_rows_one_by_one(tab):
    tab.evaluate(
        """() => {
            const { model } = document.querySelector(".scrub-mount");
            window.seen = [];
            model.on("change:row", () => seen.push(model.get("row")));
        }"""
    )
    tab.get_by_role("button", name="play").click()
    tab.wait_for_function("document.querySelector('.race').dataset.row === '10'", timeout=60_000)
    assert tab.evaluate("seen") == [*range(1, 11)]
    tab.locator(".scrub-time").press("Home")
    box = tab.locator(".race-plot").bounding_box()
    tab.mouse.move(box["x"] + 5, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 5 + 0.52 * box["width"], box["y"] + 20, steps=5)
    tab.mouse.up()
    assert standing(tab)[1] == 5
    assert_python_agrees(tab)


def test_another_race_begins_anew_and_after_the_last_comes_the_first(tab):
    button = tab.get_by_role("button", name="Another race")
    tab.locator(".scrub-time").press("End")
    for race in [1, 2, 3, 4, 5, 0]:
        button.click()
        assert standing(tab)[:2] == [race, 0]
        tab.locator(".scrub-time").press("End")
        assert_python_agrees(tab)
        said = tab.locator(".race-said").text_content()
        assert ("over" in said) == standing(tab)[3]
        assert f"row {standing(tab)[2]}" in said.lower()


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_its_page(tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.wait_for_timeout(150)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator(".race-plot").bounding_box()["width"] > 250


def test_a_view_that_goes_listens_no_more(tab):
    left = tab.evaluate(
        """async () => {
            const { model } = document.querySelector(".scrub-mount");
            let listening = 0;
            const count = (n) => (events) => { listening += n * events.split(" ").length; };
            const counting = { ...model, on: count(1), off: count(-1) };
            const url = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
            const { default: widget } = await import(url);
            const el = document.body.appendChild(document.createElement("div"));
            const clean = widget.render({ model: counting, el });
            const before = listening;
            clean();
            return [before, listening];
        }"""
    )
    assert left == [2, 0]
