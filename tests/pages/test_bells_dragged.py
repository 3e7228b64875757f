"""shape_posterior in a browser, without a kernel: what a hand drags is drawn, and is what Python computes."""

import pytest

from ddpm_core import Schedule
from ddpm_core.teach.page.bells import shape_posterior
from ddpm_core.teach.page.widgets import loader, mounted

EXAMPLE = Schedule([1, 0.9216, 0.64, 0.36])


@pytest.fixture
def tab(chrome):
    """A page with the widget, offline; at the end no error is in its console."""
    w, errors = shape_posterior(EXAMPLE), []
    with chrome.new_context(viewport={"width": 900, "height": 700}, offline=True) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(mounted(w.model_id, w._get_embed_state(), w.still(), repr(w)) + loader())
        page.wait_for_selector(".bells[data-ready]")
        page.wait_for_timeout(100)
        yield page
    assert errors == []


def state(tab):
    """x_0, x_t and t in the page's model, and its three bells."""
    return tab.evaluate(
        """() => {
            const { model } = document.querySelector(".scrub-mount");
            const values = ["x0", "xt", "t"].map((name) => model.get(name));
            return [...values, document.querySelector(".bells").bells];
        }"""
    )


def assert_python_agrees(tab):
    x0, xt, t, bells = state(tab)
    w = shape_posterior(EXAMPLE, x0, xt, t)
    for (mean, var), exact in zip(bells, w.guesses(), strict=True):
        assert mean == pytest.approx(float(exact.mean), abs=1e-12)
        assert var == pytest.approx(float(exact.var), abs=1e-12)
    shown = [f"N({float(g.mean):.3f}, {float(g.var):.3f})".replace("-", "−") for g in w.guesses()]
    texts = tab.locator(".bells-says").all_text_contents()
    assert all(text.endswith(bell) for text, bell in zip(texts, shown, strict=True)), (texts, shown)


def drag(tab, name, by):
    """Drag the dot of a guess by so many pixels, in steps."""
    box = tab.locator(f".bells-grip.bells-{name}").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    for k in range(1, 11):
        tab.mouse.move(x + by * k / 10, y)
    tab.mouse.up()
    tab.mouse.move(x + by + 50, y)  # let go: it stays


def test_each_dot_moves_its_own_number_and_the_third_bell_follows(tab):
    assert state(tab)[:3] == [2, 0.6, 3]
    assert_python_agrees(tab)
    before = state(tab)[3]
    drag(tab, "known", -120)
    x0, xt, _, bells = state(tab)
    assert x0 < 1.5
    assert xt == 0.6
    assert bells[2][0] < before[2][0] - 0.1
    assert [var for _, var in bells] == [var for _, var in before]  # the widths know of no place
    drag(tab, "told", 150)
    after = state(tab)
    assert after[0] == x0
    assert after[1] > 1
    assert_python_agrees(tab)


def test_a_dot_stays_under_the_hand(tab):
    """What is dragged by so many pixels stands so many pixels further, but for the rounding of x_t."""
    grip = tab.locator(".bells-grip.bells-told")
    left = grip.bounding_box()["x"]
    drag(tab, "told", 80)
    scale = tab.locator(".bells-plot").evaluate("(svg) => svg.getBoundingClientRect().width / 8.5")
    assert grip.bounding_box()["x"] - left == pytest.approx(80, abs=0.05 * scale)


def test_sliders_and_steps_move_by_key(tab):
    first, second = tab.get_by_role("slider").all()
    first.press("End")
    second.press("Home")
    assert state(tab)[:2] == [3, -2]
    assert second.get_attribute("aria-valuetext") == "−2.00"
    tab.get_by_role("radio").last.press("ArrowLeft")
    assert state(tab)[2] == 2
    assert_python_agrees(tab)
    drag(tab, "known", 400)  # to the end of its slider and no further
    assert state(tab)[0] == 3


@pytest.mark.parametrize("width", [360, 1280])
def test_it_fits_its_page(tab, width):
    tab.set_viewport_size({"width": width, "height": 800})
    tab.wait_for_timeout(150)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator(".bells-plot").bounding_box()["width"] > 0.85 * min(width, 960)


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
    assert left == [3, 0]
