"""Figures turned by a slider, in a browser and without a kernel."""

import browser
import matplotlib.pyplot as plt
import pytest

from ddpm_core.teach import turn
from ddpm_core.teach.page.figures.style import styled
from ddpm_core.teach.page.widgets import export_html


@styled
def bar(height):
    figure, axes = plt.subplots(figsize=(4, 1.5))
    axes.bar([0], [height])
    axes.set(ylim=(0, 1))
    return figure


@pytest.fixture(scope="module")
def tab():
    with browser.browser() as chrome:
        tab = chrome.new_page(viewport={"width": 900, "height": 700})
        tab.context.set_offline(True)
        tab.set_content(export_html(turn({0.0: bar(0.1), 0.5: bar(0.5), 1.0: bar(0.9)}, "η")))
        tab.wait_for_selector(".turn-stack[data-ready]")
        yield tab


def shown(tab):
    images = tab.locator(".turn-page")
    return [images.nth(k).get_attribute("alt") for k in range(images.count()) if images.nth(k).is_visible()]


def test_keys_buttons_and_a_drag_turn_the_figure(tab):
    assert shown(tab) == ["η = 0"]
    tab.locator(".scrub-time").focus()
    tab.keyboard.press("ArrowRight")
    assert shown(tab) == ["η = 0.5"]
    tab.keyboard.press("End")
    assert shown(tab) == ["η = 1"]
    assert tab.locator(".scrub-caption").inner_text().replace("\n", "").endswith("= 1")
    box = tab.locator(".turn-stack").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20, steps=4)
    tab.mouse.up()
    assert shown(tab) == ["η = 0"]


def test_the_figures_were_drawn_and_the_page_does_not_jump(tab):
    sizes = tab.evaluate("[...document.querySelectorAll('.turn-page')].map((i) => i.naturalWidth)")
    assert sizes == [800, 800, 800]
    heights = set()
    tab.locator(".scrub-time").focus()
    for key in ("Home", "ArrowRight", "ArrowRight"):
        tab.keyboard.press(key)
        heights.add(tab.evaluate("document.querySelector('.scrub').getBoundingClientRect().height"))
    assert len(heights) == 1
