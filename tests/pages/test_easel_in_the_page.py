"""The box to type into, in a browser: what is typed and pressed becomes a wish, what is told is shown."""

import base64

import pytest
import torch

from ddpm_core.teach.page.easel import easel
from ddpm_core.teach.page.widgets import loader, mounted


def draw(text, seed):
    for share in (0.5, 1.0):
        yield torch.full((4, 3, 8, 8), share * (0.8 if "light" in text else -0.8))


@pytest.fixture
def page(chrome):
    """A page with the widget and the widget itself, offline; at the end no error is in its console."""
    w, errors = easel(draw, "light red heart"), []
    with chrome.new_context(viewport={"width": 800, "height": 600}, offline=True) as context:
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.set_content(mounted(w.model_id, w._get_embed_state(), w.still(), repr(w)) + loader())
        tab.wait_for_selector(".easel[data-ready]")
        yield tab, w
    assert errors == []


def wish(tab):
    return tab.evaluate("document.querySelector('.scrub-mount').model.get('wish')")


def answer(tab, w):
    """What the kernel would do: the wish goes to Python, and what it tells and draws goes back."""
    w.wish = wish(tab)
    for name in ("full", "less"):
        code = base64.b64encode(getattr(w, name)).decode()
        tab.evaluate(
            """([name, code]) => {
                const bytes = Uint8Array.from(atob(code), (c) => c.charCodeAt(0));
                document.querySelector(".scrub-mount").model.set(name, new DataView(bytes.buffer));
            }""",
            [name, code],
        )
    tab.evaluate("told => document.querySelector('.scrub-mount').model.set('told', told)", w.told)


def colour(tab, row):
    """The grey level in the middle of the first picture of a row of pictures."""
    return tab.evaluate(
        """async (row) => {
            const image = document.querySelectorAll(".easel-row")[row];
            await image.decode();
            const canvas = document.createElement("canvas");
            const pen = canvas.getContext("2d");
            pen.drawImage(image, 0, 0);
            return pen.getImageData(4, 4, 1, 1).data[0];
        }""",
        row,
    )


def test_it_wishes_for_the_first_text_by_itself_and_shows_it(page):
    tab, w = page
    assert wish(tab) == {"n": 1, "text": "light red heart", "dropped": [], "seed": 0}
    answer(tab, w)
    assert colour(tab, 0) == pytest.approx(230, abs=1)
    assert tab.locator(".easel-chip").all_text_contents() == ["light", "red", "heart"]
    assert not tab.locator(".easel-row").nth(1).is_visible()


@pytest.mark.parametrize("name", [".easel-go", ".easel-other"])
def test_what_stands_on_a_button_can_be_read_under_the_mouse(page, name):
    tab, _ = page
    tab.locator(name).hover()
    ink, paper = tab.evaluate(
        """name => {
            const { color, backgroundColor } = getComputedStyle(document.querySelector(name));
            const pen = document.createElement("canvas").getContext("2d");
            const light = (ink) => {
                for (pen.fillStyle of ["white", ink]) pen.fillRect(0, 0, 1, 1);
                return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3)
                    .map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
                    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0.05);
            };
            return [light(color), light(backgroundColor)];
        }""",
        name,
    )
    assert max(ink / paper, paper / ink) > 4.5


def test_a_word_that_is_pressed_is_left_out_and_comes_back(page):
    tab, w = page
    answer(tab, w)
    tab.locator(".easel-chip", has_text="light").click()
    assert wish(tab)["dropped"] == [0]
    answer(tab, w)
    assert colour(tab, 1) == pytest.approx(25, abs=1)
    assert "without “light”" in tab.locator(".easel-less").text_content()
    assert tab.locator(".easel-chip").first.get_attribute("aria-pressed") == "true"
    tab.locator(".easel-chip").first.click()
    assert wish(tab)["dropped"] == []


def test_enter_draws_what_is_typed_and_the_button_takes_other_noise(page):
    tab, w = page
    answer(tab, w)
    tab.locator(".easel-text").fill("dark moon")
    tab.locator(".easel-text").press("Enter")
    assert wish(tab)["text"] == "dark moon"
    answer(tab, w)
    assert colour(tab, 0) == pytest.approx(25, abs=1)
    tab.locator(".easel-other").click()
    assert wish(tab)["seed"] == 1


def test_without_a_kernel_the_page_says_so_and_keeps_its_picture(page):
    tab, _ = page
    tab.wait_for_function(
        "document.querySelector('.easel-said').textContent.includes('kernel')", timeout=9000
    )
    assert colour(tab, 0) == pytest.approx(230, abs=1)
