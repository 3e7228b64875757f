"""A lesson on the second day: its kernel is gone, and what was shown and typed is there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import browser
import first
import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

from ddpm_core.teach import exercise
from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import Marked
from ddpm_core.teach.page.last import recalled
from ddpm_core.teach.page.quiz import quiz
from ddpm_core.teach.page.still import MARK, WIDGET_VIEW, together
from ddpm_core.teach.progress import file as progress

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
CELLS = [
    "import matplotlib.pyplot as plt, torch, ipywidgets as widgets\n"
    "from ddpm_core import digits, linear\nfrom ddpm_core.sampling import Frame\n"
    "from ddpm_core.teach import explore, quiz, scrub, scrub_noise, shape_schedule",
    'print("above")\n'
    "scrub_noise(digits()[1].images[:4], linear(), generator=torch.Generator().manual_seed(0))",
    "frames = [Frame(t, torch.zeros(4, 1, 8, 8), None, None) for t in (2, 1, 0)]\nscrub(frames)",
    "shape_schedule()",
    "def draw(n):\n    figure, axes = plt.subplots(figsize=(4, 2))\n    axes.plot(range(n))\n"
    "    return figure\n"
    "explore(draw, n=widgets.IntSlider(5, 2, 10))",
    'quiz("00.2")',
    'quiz("00.5")',
]
WIDGETS, TEXT = 6, "I want to understand why noise helps, and I know Gaussians."


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_said", set())
    monkeypatch.setattr(progress, "_unkept", {})


# the outputs


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    path = browser.notebook(tmp_path_factory.mktemp("run") / "n.ipynb", *CELLS)
    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, kernel_name="python3", timeout=120, store_widget_state=False).execute()
    return notebook


def test_each_widget_has_its_still_a_line_and_its_place(executed):
    for cell in executed.cells[1:]:
        still, line, view = cell.outputs[-3:]
        assert {"image/png", "text/html"} & set(still.data)
        assert "Run this cell to" in line.data["text/html"]
        assert list(view.data) == [WIDGET_VIEW]
        (whole,) = [o for o in together(nbformat.from_dict(cell).outputs) if o.output_type != "stream"]
        assert whole.data == {**still.data, **view.data}


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_no_widget_of_a_lesson_is_without(path):
    for cell in nbformat.read(path, 4).cells:
        outputs = cell.get("outputs", [])
        for k, output in enumerate(outputs):
            if WIDGET_VIEW in output.get("data", {}):
                assert MARK in outputs[k - 1].data["text/html"]
                assert {"image/png", "text/html"} & set(outputs[k - 2].data)


def test_an_export_shows_what_was_passed_and_the_answer(tmp_path):
    answered = [CELLS[0], f"q = {CELLS[5]}\nq", 'q.asked = {"n": 1, "choice": "a"}']
    notebook = nbformat.read(browser.notebook(tmp_path / "n.ipynb", *answered), 4)
    NotebookClient(notebook, kernel_name="python3", timeout=120, store_widget_state=False).execute()
    html, _ = HTMLExporter().from_notebook_node(notebook)
    body = re.sub(r"<script.*?</script>|<style.*?</style>", "", html, flags=re.S)
    assert re.search(r"✓ Passed.*<b>a</b>|✓ Passed.*<strong>a</strong>", body, re.S)


# the first cell


@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_the_first_cell_is_that_of_every_lesson(path):
    cell = next(cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
    assert (cell.id, cell.source, dict(cell.metadata)) == (first.ID, first.SOURCE, first.METADATA)


def test_another_kernel_is_told_in_one_sentence_and_nothing_else_runs(tmp_path):
    hide = "import importlib.util\nimportlib.util.find_spec = lambda name: None"
    notebook = nbformat.read(browser.notebook(tmp_path / "n.ipynb", hide, first.SOURCE, "import torch"), 4)
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    (output,) = notebook.cells[1].outputs
    assert output.traceback == [output.evalue]
    assert output.evalue.count(". ") == 0
    assert "choose Kernel → Change Kernel…" in output.evalue
    assert notebook.cells[2].execution_count is None
    right = subprocess.run([sys.executable, "-c", first.SOURCE], capture_output=True, check=True)
    assert (right.stdout, right.stderr) == (b"", b"")


# answers that come back


@pytest.mark.parametrize("name", ["00.1", "00.2", "00.3", "00.4", "00.5"])
def test_the_last_answer_of_every_kind_comes_back(name, capsys):
    q = exercise(name)
    q.last()
    assert "There is none yet." in capsys.readouterr().out
    answers = {"00.1": "6 - 1", "00.2": "a", "00.3": "abar_prev - beta*abar_prev"}
    answers |= {"00.5": Marked(TEXT, [True, True])}

    def per_example(x):
        return x.flatten(1).sum(1)  # as I wrote it

    q.check(answers.get(name, per_example))
    said = capsys.readouterr().out
    q.last()
    assert "passed" in said.lower()
    last = capsys.readouterr().out
    wanted = answers | {"00.2": "The clean picture.", "00.4": "# as I wrote it", "00.5": TEXT}
    assert wanted[name] in last
    assert re.search(r"✓ passed, \d{4}-\d\d-\d\d \d\d:\d\d", last)


def test_the_last_answer_is_shown_before_a_pass_too_and_hostile_data_do_no_harm(capsys):
    q = exercise("00.1")
    q.check(7)
    q.last()
    assert re.search(r"◐ not yet.*7", capsys.readouterr().out, re.S)
    for data in ({"source": 1}, {"text": [1]}, [[]], "```\n<script>", {"unreadable": "why"}, 10**9, {}):
        progress.note("00.1", "NOT_YET", data)
        assert isinstance(recalled(bank["00.1"]), str)


def test_a_text_is_kept_while_it_is_typed_and_comes_back():
    quiz("00.5").draft = {"text": "so far", "marks": None}
    again = quiz("00.5")
    assert again.asked == {"n": 0, "text": "so far", "marks": None}
    assert again.told == {}
    assert "so far" in recalled(bank["00.5"])
    again.asked = {"n": 1, "text": TEXT, "marks": [True, True]}
    later = quiz("00.5")
    assert later.asked["text"] == TEXT
    assert later.told["head"] == "✓ Passed"
    later.draft = {"text": "a second thought", "marks": None}
    assert quiz("00.5").asked["text"] == "a second thought"
    quiz("00.5").draft = {}
    assert quiz("00.5").asked["text"] == "a second thought"


# in a browser


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    folder, state = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("state")
    browser.notebook(folder / "n.ipynb", *CELLS)
    with browser.browser() as chrome, browser.lab(folder, state) as url:
        tab = chrome.new_page(viewport={"width": 900, "height": 2000})
        tab.lab, tab.folder, tab.state = url, folder, state
        browser.open_notebook(tab, url, "n.ipynb")
        browser.run_all(tab)
        tab.wait_for_selector(".ddpm-quiz textarea")
        yield tab


def saved(tab):
    tab.evaluate("() => { window.jupyterapp.commands.execute('docmanager:save') }")
    tab.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")


def seen(tab, selector):
    return sum(each.is_visible() for each in tab.locator(selector).all())


def test_alive_a_widget_stands_alone(tab):
    tab.wait_for_function("() => document.querySelectorAll('.scrub').length === 3")
    assert seen(tab, f".{MARK}") == 0
    assert seen(tab, ".jp-RenderedImage") == 0
    assert seen(tab, ".ddpm-question") == 0
    assert seen(tab, ".scrub, .ddpm-quiz, .widget-vbox") == WIDGETS


def test_a_click_and_a_text_survive_a_reload(tab):
    tab.locator(".ddpm-quiz.choice input").first.check()
    tab.locator(".ddpm-quiz.choice button.check").click()
    tab.wait_for_selector(".ddpm-quiz .result.passed")
    tab.locator(".ddpm-quiz textarea").fill(TEXT)
    tab.locator(".ddpm-quiz textarea").blur()
    tab.wait_for_timeout(1500)
    saved(tab)
    assert (
        json.loads((tab.state / "progress.json").read_text())["exercises"]["00.hopes"]["draft"]["text"]
        == TEXT
    )
    tab.reload()
    browser.connected(tab)
    tab.wait_for_selector(".ddpm-quiz textarea")
    assert tab.locator(".ddpm-quiz textarea").input_value() == TEXT


def test_without_its_kernel_every_widget_shows_its_still_and_one_line(tab):
    tab.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    browser.open_notebook(tab, tab.lab, "n.ipynb")  # a new kernel, which knows of no widget
    tab.wait_for_function("() => document.body.innerText.includes('Run this cell')")
    tab.wait_for_timeout(2000)
    assert tab.locator("text=model not found").count() == WIDGETS  # they are there, and not seen
    assert seen(tab, "text=model not found") == 0
    assert seen(tab, "text=Loading widget") == 0
    assert seen(tab, f".{MARK}") == WIDGETS
    assert seen(tab, ".jp-RenderedImage img") == 4
    assert seen(tab, ".ddpm-question") == 2
    assert "✓ Passed" in tab.locator(".ddpm-question").first.inner_text()
    assert seen(tab, ".jp-OutputArea-output:has-text('above')") == 1


def test_run_again_they_move_and_the_text_is_there(tab):
    browser.run_all(tab)
    tab.wait_for_selector(".ddpm-quiz textarea")
    assert tab.locator(".ddpm-quiz textarea").input_value() == TEXT
    assert seen(tab, f".{MARK}") == 0
    assert seen(tab, ".scrub, .ddpm-quiz, .widget-vbox") == WIDGETS


def test_with_no_kernel_at_all(tab):
    saved(tab)
    tab.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    notebook = nbformat.read(tab.folder / "n.ipynb", 4)
    notebook.metadata["kernelspec"] = {"name": "gone", "display_name": "Gone", "language": "python"}
    nbformat.write(notebook, tab.folder / "n.ipynb")
    tab.goto(f"{tab.lab}/doc/tree/n.ipynb")
    tab.wait_for_selector(f".{MARK}")
    tab.wait_for_timeout(2000)
    assert seen(tab, f".{MARK}") == WIDGETS
    assert seen(tab, "text=model not found") == seen(tab, "text=Loading widget") == 0
