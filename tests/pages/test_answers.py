"""Answers in the page: each verdict is Python's, and progress is the file of JupyterLab."""

from pathlib import Path

import pytest

from ddpm_core.teach import exercises
from ddpm_core.teach.bank import LESSONS, bank, lesson
from ddpm_core.teach.judge import Choice, Number, Symbolic
from ddpm_core.teach.page.desk import judged
from ddpm_core.teach.progress.file import parse_entries, united
from ddpm_core.teach.progress.tally import mark
from ddpm_core.teach.site.answers import answer_files, course, in_author_s_order, is_judged, likely, place

ROWS = Path(__file__).parents[1] / "teach"
PAGE = """<!doctype html><meta charset="utf-8"><title>t</title><main>{places}</main><div data-progress></div>
<ol><li data-lesson="00">Start</li></ol><div data-mark="00"></div>
<script src="course.js" defer></script>{scripts}<script src="answers.js" defer></script>"""
# Forms in which a number is typed, and what is none.
FORMS = """83.2 % | 83.2% | 0.832 | 0,832 | .832 | 5. | 1/(1+e^-1.6) | 64*ln(17)/ln(2) | 3/7 | sqrt(3^2+4^2)
√25 | 5e0 | 1 000 | 1,000 | 1_000 | 3.07 million | about 5 | ≈ 5 | 5 nats | 5 bits/dim | 5 metres
-5 | −5 | +5 | 2^10 | 2**10 | 10³ | ½ | 1½ | 5 # five | math.sqrt(25) | np.log(2) | log(8, 2)
log2 8 | \\frac{1}{2} | |−5| | 5! | nan | inf | 1/0 | 0 | x_t | alpha | (5 | 5) | = 5 | y = 5 | 2 3
1.2.3 | 1e999 | exp(1000) | 7 // 2 | 7 % 4 | ceil(4.2) | 5 and 6 | "5" | ’5’ | 0x10 | 5j | sqrt(-1)
3,14159 | 1,5 | 5%"""


@pytest.fixture(autouse=True)
def author():
    with in_author_s_order():
        yield


def rows(kind):
    """The answers of the judge's own tables, right and wrong, to exercises of a kind."""
    for name in ("right_answers.tsv", "wrong_answers.tsv"):
        for line in (ROWS / name).read_text("utf-8").splitlines():
            if line and not line.startswith("#"):
                id, text, *_ = line.split("\t")
                if isinstance(bank[id], kind):
                    yield bank[id].key, text


def typed(answer):
    """An answer as it is typed into a page."""
    return f"{answer:.15g}" if isinstance(answer, float | int) else answer


def answers():
    """Every right form, option and named mistake of all that a page judges, and much else that is typed."""
    texts = [text.strip() for text in FORMS.replace("\n", " | ").split(" | ")]
    for k, (key, exercise) in enumerate(bank.items()):
        if isinstance(exercise, Choice | Number | Symbolic):
            forms = [*exercise.references, *likely(exercise), *(m.example for m in exercise.mistakes)]
            yield from ((key, typed(form)) for form in forms if isinstance(form, str | float | int))
        if isinstance(exercise, Number):
            yield from ((key, text) for text in texts[k % 9 :: 9])
    yield from rows(Number | Symbolic)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A site's files of answers for all lessons, and one page that has them all."""
    out = tmp_path_factory.mktemp("answers")
    files = answer_files(LESSONS) | {"course.js": course({number: f"{number}.html" for number in LESSONS})}
    names = [name for name in files if name.startswith("answers-")]
    take = "<script>(window.ALL ??= []).push(SHEETS)</script>"
    scripts = "".join(f'<script src="{name}"></script>{take}' for name in names)
    raw = "Uint8Array.from(atob(text), (c) => c.charCodeAt(0))"
    opened = f"ALL.map((text) => JSON.parse(new TextDecoder().decode({raw})))"
    scripts += f"<script>window.MERGED = Object.assign({{}}, ...{opened})</script>"
    places = "".join(place(each.permanent) for each in lesson("00").values() if is_judged(each))
    files["all.html"] = PAGE.format(places=places, scripts=scripts)
    files["00.html"] = PAGE.format(places=places, scripts='<script src="answers-00.js"></script>')
    for name, text in files.items():
        (out / name).write_text(text, "utf-8")
    return out


@pytest.fixture
def tab(chrome, folder):
    """A tab without a network, on a page that is a file."""
    wrong = []
    with chrome.new_context(accept_downloads=True) as context:
        context.set_offline(True)
        context.on("request", lambda r: r.url.startswith(("file:", "data:", "blob:")) or wrong.append(r.url))
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        yield context.new_page()
        assert wrong == []


def test_every_answer_gets_in_the_page_what_python_says(tab, folder):
    asked = list(dict.fromkeys(answers()))
    assert {key for key, _ in asked} >= {e.key for e in bank.values() if isinstance(e, Choice | Number)}
    tab.goto((folder / "all.html").as_uri())
    tab.set_default_timeout(900_000)
    told = tab.evaluate(
        """async (asked) => {
            const told = [];
            for (const [key, text] of asked) told.push(await judging.weighed(key, MERGED[key], { text }));
            return told;
        }""",
        asked,
    )
    wrong = [
        (key, text, mine, judged(key, text))
        for (key, text), mine in zip(asked, told, strict=True)
        if mine != judged(key, text)
        and mine != judged(key, text)  # on a busy machine the first may come late
    ]
    assert not wrong, f"{len(wrong)} of {len(asked)}: {wrong[:3]}"


# --- the form, and progress


def answer(tab, key, text):
    """Type an answer, or click an option; the verdict's head once it is there."""
    form = tab.locator(f'[data-exercise="{key}"]')
    if form.locator("[type=radio]").count():
        form.locator(f"[type=radio][value={text}]").check()
    else:
        form.locator("[type=text]").fill(text)
    form.get_by_role("button", name="Check").click()
    form.locator(".result:is(.passed, .not_yet)").wait_for(timeout=240_000)
    return form.locator(".result b").first.text_content()


def exported(tab):
    with tab.expect_download(timeout=120_000) as download:
        tab.get_by_role("button", name="Export").click()
    return download.value.path().read_bytes()


def test_an_answer_is_kept_and_goes_to_jupyterlab_and_back(tab, folder, tmp_path, monkeypatch):
    tab.goto((folder / "00.html").as_uri())
    assert answer(tab, "00.sum-of-noises", "7") == "◐ Not yet"
    assert (
        tab.locator('[data-exercise="00.sum-of-noises"] .result')
        .text_content()
        .endswith("0 of 5 in this lesson")
    )
    assert answer(tab, "00.sum-of-noises", "5") == "✓ Passed"
    assert not tab.evaluate("'JUDGE' in window")  # both were looked up
    assert tab.locator("[data-lesson] .done").text_content() == " 1 of 5 continue here"
    tab.reload()
    assert tab.locator('[data-exercise="00.sum-of-noises"] [type=text]').input_value() == "5"
    assert tab.locator("[data-mark] .passed").count() == 1
    tab.locator("[data-progress] summary").click()
    entries, broken = parse_entries(exported(tab))
    assert not broken
    entry = entries["00.sum-of-noises"]
    assert (entry.outcome, entry.attempts, entry.data) == ("PASSED", 2, "5")
    theirs = tmp_path / "progress.json"
    monkeypatch.setenv("DDPM_PROGRESS", str(theirs))
    exercises.exercise("00.clean-picture").check(bank["00.clean-picture"].answer)
    exercises.exercise("00.sum-of-noises").check("25")
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Import").click()
    chooser.value.set_files(theirs)
    tab.get_by_text("joined with what was here: 2 passed").wait_for(timeout=240_000)
    joined, _ = parse_entries(exported(tab))
    assert joined == united(entries, parse_entries(theirs.read_bytes())[0])
    theirs.write_bytes(exported(tab))
    assert tab.locator("[data-mark] p").last.text_content() == f"{mark('00').line}."
    with tab.expect_file_chooser() as chooser:
        tab.get_by_role("button", name="Import").click()
    chooser.value.set_files({"name": "a.json", "mimeType": "application/json", "buffer": b"[1]"})
    tab.get_by_text("Not taken").wait_for(timeout=60_000)
    assert parse_entries(exported(tab))[0] == joined


def test_the_solution_comes_after_a_first_answer_or_the_last_hint(tab, folder):
    tab.goto((folder / "00.html").as_uri())
    form = tab.locator('[data-exercise="00.sum-of-noises"]')
    solution = form.get_by_role("button", name="Solution")
    assert not solution.is_visible()
    for _ in bank["00.sum-of-noises"].hints:
        form.get_by_role("button", name="int").click()
    assert solution.is_visible()
    assert not tab.locator("[data-lesson] .done").text_content().startswith(" 1")
    solution.click()
    assert form.locator(".solution").is_visible()
    assert tab.evaluate("localStorage.length") == 0  # looking is no attempt
    other = tab.locator('[data-exercise="00.clean-picture"]')
    answer(tab, "00.clean-picture", "a")
    assert other.get_by_role("button", name="Solution").is_visible()


def test_who_answers_while_the_judge_is_being_fetched_hears_so_each_time(tab, folder):
    """And one that is given up leaves the judge to the other."""
    tab.goto((folder / "00.html").as_uri())
    forms = {"00.sum-of-noises": "6.1", "00.abar-from-beta": "beta + 3"}
    for key, text in forms.items():
        form = tab.locator(f'[data-exercise="{key}"]')
        form.locator("[type=text]").fill(text)
        form.locator("[type=text]").press("Enter")
        form.get_by_text("The judge is being fetched").wait_for(timeout=5_000)
    for key in forms:
        tab.locator(f'[data-exercise="{key}"] .result.not_yet').wait_for(timeout=240_000)


def test_an_answer_that_takes_too_long_is_told_so(tab, folder):
    """The judge is there: it isn't said that it can't work in this browser."""
    tab.goto((folder / "00.html").as_uri())
    assert answer(tab, "00.sum-of-noises", "6.1") == "◐ Not yet"
    tab.evaluate("""() => {
        const [wait, send] = [window.setTimeout, Worker.prototype.postMessage];
        Worker.prototype.postMessage = function (...wish) { wait(() => send.apply(this, wish), 2000); };
        window.setTimeout = (work, ms, ...more) => wait(work, Math.min(ms, 1000), ...more);
    }""")
    form = tab.locator('[data-exercise="00.sum-of-noises"]')
    form.locator("[type=text]").fill("6.2")
    form.locator("[type=text]").press("Enter")
    form.get_by_text("Judging this takes too long: write it shorter.").wait_for(timeout=5_000)


def test_a_draft_that_comes_while_notes_are_folded_is_kept(tab, folder):
    tab.goto((folder / "00.html").as_uri())
    form = tab.locator('[data-exercise="00.hopes"]')
    form.locator("textarea").fill("one")
    tab.wait_for_function("localStorage['ddpm-notes']?.includes('one')")
    tab.locator("[data-progress] summary").click()
    tab.get_by_role("button", name="Export").click()  # fetches the judge, which takes a while
    form.locator("textarea").fill("two")
    tab.wait_for_function("localStorage['ddpm-notes']?.includes('two')")
    tab.get_by_text("Put progress.json into").wait_for(timeout=240_000)
    tab.reload()
    assert tab.locator('[data-exercise="00.hopes"] textarea').input_value() == "two"


def test_where_the_judge_cannot_work_the_page_says_so(tab, folder):
    tab.add_init_script("delete window.Worker")
    tab.goto((folder / "00.html").as_uri())
    form = tab.locator('[data-exercise="00.sum-of-noises"]')
    form.locator("[type=text]").fill("6.1")
    form.locator("[type=text]").press("Enter")
    form.get_by_text("Answer this one in JupyterLab").wait_for()
    assert answer(tab, "00.sum-of-noises", "5") == "✓ Passed"
