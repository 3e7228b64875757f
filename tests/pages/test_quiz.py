import json
import re

import browser
import pytest

from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import Choice, Number, Prose
from ddpm_core.teach.page.quiz import Quiz, quiz
from ddpm_core.teach.progress import file as progress

CHOICE = Choice(
    id="97.1",
    title="The shrink of $x_t$",
    prompt="Which is the law of $x_t$?\n\nOnly one is right.",
    options={
        "a": r"$\mathcal N(\sqrt{\bar\alpha_t}\,x_0,\ (1-\bar\alpha_t) I)$",
        "b": r"$\mathcal N(\sqrt{\alpha_t}\,x_0,\ (1-\bar\alpha_t) I)$",
        "c": "`<none>` of them & no other",
    },
    answer="a",
    why={"b": r"One bar is lost: $\alpha_t$.", "c": "There is one."},
    hints=["Look at the bars.", "All of them."],
    worked="It is a.",
)
PROSE = Prose(
    id="97.2",
    title="In your words",
    prompt="Why is $z = 0$ at the end?",
    rubric=["Says that $x_0$ is known there.", "Says what would happen otherwise."],
    models=["Because the last step has no variance left, so noise would only stay in the picture."],
    worked="...",
)
TEXT = "The posterior is a point mass there, and noise would stay in the picture."


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr(progress, "_said", set())
    monkeypatch.setattr(progress, "_unkept", {})
    return tmp_path / "progress.json"


def test_a_click_is_judged_told_and_noted():
    q = quiz(CHOICE)
    assert (q.asked, q.told) == ({}, {})
    q.asked = {"n": 1, "choice": "b"}
    assert (q.told["n"], q.told["outcome"], q.told["head"]) == (1, "NOT_YET", "◐ Not yet")
    assert "One bar is lost" in q.told["html"]
    assert "<math " in q.told["html"]
    assert progress.load_entries()["97.1"].outcome == "NOT_YET"
    q.asked = {"n": 2, "choice": "a"}
    assert (q.told["n"], q.told["outcome"], q.told["head"]) == (2, "PASSED", "✓ Passed")
    assert progress.load_entries()["97.1"].attempts == 2


def test_prose_is_marked_by_oneself():
    q = quiz(PROSE)
    q.asked = {"n": 1, "text": TEXT, "marks": [True, False]}
    assert q.told["outcome"] == "NOT_YET"
    assert "Says what would happen otherwise." in q.told["html"]
    q.asked = {"n": 2, "text": TEXT, "marks": [True, True]}
    assert q.told["outcome"] == "PASSED"
    assert progress.load_entries()["97.2"].data == {"text": TEXT, "marks": [True, True]}


@pytest.mark.parametrize(
    "wish",
    [
        {"n": 1},
        {"n": 1, "choice": None},
        {"n": 1, "choice": ["a"]},
        {"n": 1, "choice": "a" * 10**6},
        {"n": 1, "text": 3, "marks": "x"},
        {"n": 1, "text": TEXT, "marks": [{}]},
        {"n": "one", "choice": "<script>"},
    ],
    ids=lambda wish: json.dumps(wish)[:40],
)
@pytest.mark.parametrize("exercise", [CHOICE, PROSE], ids=["choice", "prose"])
def test_whatever_a_page_asks_is_answered(exercise, wish):
    q = quiz(exercise)
    q.asked = wish
    assert q.told["outcome"] in ("NOT_YET", "NOT_ATTEMPTED")
    assert "<script" not in q.told["html"]


def test_check_in_a_cell_counts_as_a_click(capsys):
    q = quiz(CHOICE)
    verdict = q.check("b")
    assert verdict.outcome.name == q.told["outcome"] == "NOT_YET"
    assert "One bar is lost" in capsys.readouterr().out
    assert progress.load_entries()["97.1"].attempts == 1
    assert q.check().outcome.name == "NOT_ATTEMPTED"
    q.hint()
    q.solution()
    said = capsys.readouterr().out
    assert "Look at the bars." in said
    assert "It is a." in said


def test_what_was_passed_is_shown_as_passed_and_a_text_comes_back():
    quiz(CHOICE).asked = {"n": 1, "choice": "a"}
    again = quiz(CHOICE)
    assert again.asked == {"n": 0, "choice": "a"}
    assert again.told["head"] == "✓ Passed"
    assert re.search(r"on \d{4}-\d\d-\d\d", again.told["html"])
    quiz(PROSE).asked = {"n": 1, "text": TEXT, "marks": [True, False]}
    again = quiz(PROSE)
    assert again.asked == {"n": 0, "text": TEXT, "marks": [True, False]}
    assert again.told == {}


@pytest.mark.parametrize("answer", ["A", "(a)", " a. ", "option a", CHOICE.options["a"]])
def test_an_answer_in_another_form_ticks_its_option(answer):
    quiz(CHOICE).check(answer)
    assert quiz(CHOICE).asked == {"n": 0, "choice": "a"}


def test_a_question_is_named_from_a_cell_so_that_it_is_found():
    """A number that was another exercise's in former times goes on meaning that one."""
    for each in bank.values():
        if each.kind in ("choice", "prose"):
            (call,) = re.findall(r'To answer from a cell: quiz\("(.+)"\)\.', repr(quiz(each)))
            assert bank[call] is each


@pytest.mark.parametrize("wish", [3, None, ["00.2"], Choice])
def test_what_is_no_exercise_is_told_what_came(wish):
    with pytest.raises(TypeError, match=rf"its id, such as .*, got {re.escape(repr(wish)[:20])}"):
        quiz(wish)


def test_hostile_progress_does_no_harm(file):
    entry = {"outcome": "PASSED", "attempts": 1, "passed": "<b onclick=x>", "data": {"text": 1, "marks": 2}}
    file.write_text(json.dumps({"schema": 1, "exercises": {"97.1": entry, "97.2": entry}}))
    for exercise in (CHOICE, PROSE):
        assert "<b" not in quiz(exercise).told["html"]
        assert quiz(exercise).asked == {}


def test_other_kinds_and_unknown_ids_are_named():
    number = Number(id="97.3", title="n", prompt="p", worked="w", answer=5.0)
    with pytest.raises(ValueError, match=r"97\.3 asks for a number"):
        quiz(number)
    with pytest.raises(ValueError, match=r"no exercise '97\.9'.*00\.1"):
        quiz("97.9")
    assert quiz("00.2").exercise.kind == "choice"


def test_the_text_that_stands_in_for_it_is_whole_and_always_the_same():
    text = repr(quiz(CHOICE))
    assert text == repr(Quiz(CHOICE))
    assert text.splitlines() == [
        "97.1 · The shrink of x_t",
        "",
        "Which is the law of x_t?",
        "",
        "Only one is right.",
        "",
        "  a  𝒩(√ᾱ_t x_0, (1 − ᾱ_t)I)",
        "  b  𝒩(√α_t x_0, (1 − ᾱ_t)I)",
        "  c  `<none>` of them & no other",
        "",
        'To answer from a cell: quiz("97.1").check("a")',
    ]
    bundle = quiz(CHOICE)._repr_mimebundle_()
    assert (bundle[0] if isinstance(bundle, tuple) else bundle)["text/plain"] == text


def test_what_a_good_answer_says_is_not_said_before_there_is_one(capsys):
    assert repr(quiz(PROSE)).splitlines()[-3:] == [
        'There are 2 points to mark, which check("...") shows once a text is there.',
        "",
        'To answer from a cell: quiz("97.2").check("...")',
    ]
    quiz(PROSE).check(TEXT)
    assert "Says what would happen otherwise." in capsys.readouterr().out


SETUP = """
from ddpm_core.teach.judge import Choice, Prose
from ddpm_core.teach.page.quiz import quiz

options = {"a": "Noise.", "b": "The clean picture.", "c": "The first."}
why = {"a": "That is $x_T$.", "c": "That is $x_1$."}
choice = Choice(id="97.1", title="One", prompt="Which?", options=options, answer="b", why=why, worked="b")
rubric = ["Names what is known.", "Names what is not."]
prose = Prose(id="97.2", title="Two", prompt="Why?", rubric=rubric, models=["..."], worked="...")
q = quiz(choice)
q
"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    folder, state = tmp_path_factory.mktemp("quiz"), tmp_path_factory.mktemp("state")
    browser.notebook(folder / "quiz.ipynb", SETUP, "quiz(prose)")
    with browser.browser() as chrome, browser.lab(folder, state) as url:
        tab = chrome.new_page(viewport={"width": 768, "height": 900})
        tab.wrong = []
        tab.on("pageerror", lambda error: tab.wrong.append(str(error)))
        browser.open_notebook(tab, url, "quiz.ipynb")
        browser.run_all(tab)
        tab.wait_for_selector(".ddpm-quiz.prose")
        yield tab


def test_in_a_browser_the_keyboard_is_enough(tab):
    q = tab.locator(".ddpm-quiz.choice")
    assert q.locator(".check").is_disabled()
    q.locator("input").first.focus()
    for key in ("ArrowDown", "ArrowDown", "d", "d", "x", "3"):
        tab.keyboard.press(key)
    assert q.locator("input:checked").get_attribute("value") == "c"
    assert tab.locator(".jp-Cell").count() == 2  # no key reached JupyterLab
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".ddpm-quiz.choice .result.not_yet mjx-container")  # JupyterLab typesets here too
    tab.keyboard.press("b")
    assert q.locator(".result").inner_text() == ""
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".ddpm-quiz.choice .result.passed")
    assert "✓ Passed" in q.locator(".result").inner_text()
    assert browser.run_cell(tab, 1, "print(q.told['outcome'])") == "PASSED"
    browser.run_cell(tab, 1, "quiz(prose)")
    assert tab.wrong == []


def test_in_a_browser_prose_is_written_then_compared(tab):
    q = tab.locator(".ddpm-quiz.prose")
    assert not q.locator(".rubric").is_visible()
    q.locator("textarea").click()
    tab.keyboard.type("I want to understand noise. I know what a Gaussian is.\nb")
    q.locator(".reveal").click()
    q.locator("label", has_text="Names what is known.").click()
    q.locator(".check").click()
    tab.wait_for_selector(".ddpm-quiz.prose .result.not_yet")
    q.get_by_label("Names what is not.").check()
    q.locator(".check").click()
    tab.wait_for_selector(".ddpm-quiz.prose .result.passed")
    browser.run_cell(tab, 1)  # the text is restored
    tab.wait_for_selector(".ddpm-quiz.prose .result.passed")
    assert tab.locator(".ddpm-quiz.prose textarea").input_value().endswith("\nb")
    assert tab.wrong == []


def test_in_a_browser_names_and_roles_are_there_for_a_screen_reader(tab):
    group = tab.get_by_role("group", name=re.compile("97.1"))
    assert group.get_by_role("radio").count() == 3
    assert group.get_by_role("radio", name="The clean picture.").count() == 1
    assert tab.locator(".ddpm-quiz.choice [role=status][aria-live=polite]").count() == 1


def test_in_a_browser_without_python_it_says_so(tab):
    tab.evaluate("() => { window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
    tab.wait_for_timeout(500)
    tab.locator(".ddpm-quiz.choice input").first.focus()
    tab.keyboard.press("a")
    tab.keyboard.press("Enter")
    tab.get_by_text("Run the cell above first").wait_for(timeout=15_000)
