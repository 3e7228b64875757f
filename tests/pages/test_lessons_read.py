"""The lessons themselves as pages, from the outputs that they hold: on a phone in the dark, and on a desk."""

from pathlib import Path

import browser
import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe

from ddpm_core.teach import site
from ddpm_core.teach.site.lessons import lesson

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
WIDER = """[...document.querySelectorAll("main *")].filter((each) => {
    const rolls = (at) => at && (getComputedStyle(at).overflowX !== "visible" || rolls(at.parentElement));
    if (rolls(each)) return false;
    return each.getBoundingClientRect().right > innerWidth + 1;
}).map((each) => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("lessons")
    pages = [lesson(name, nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4), NOTEBOOKS) for name in LESSONS]
    for name, content in site._files(pages, "", "").items():
        (out / name).write_bytes(content)
    return out


@pytest.fixture(scope="module")
def tab():
    with browser.browser() as started, started.new_context() as context:
        context.set_offline(True)
        yield context.new_page()


@pytest.mark.parametrize("name", LESSONS)
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_lesson_can_be_read_by_everyone(tab, folder, name, width, scheme):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.emulate_media(color_scheme=scheme)
    tab.goto((folder / f"{name}.html").as_uri())
    tab.wait_for_load_state("load")
    assert tab.evaluate(WIDER) == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    faults = Axe().run(tab, options=browser.AXE).response["violations"]
    assert [(fault["id"], [node["html"][:120] for node in fault["nodes"]][:4]) for fault in faults] == []
