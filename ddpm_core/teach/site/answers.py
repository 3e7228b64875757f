"""Answers in the page: what a page needs to judge them, and to keep a student's progress, without a kernel.

There is one judge.  What many will answer, each option and the likely numbers, is judged when the site is
built, and a page looks it up.  Anything else is judged by the Python judge itself, in the page: Pyodide, in
a file that is fetched when the first answer needs it.  It also writes and joins the progress file.
"""

import base64
import contextlib
import gzip
import html
import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import mistune

from ...data import SHIPPED
from ..bank import LESSONS, bank, lesson
from ..judge import Choice, Exercise, Number, Prose, Symbolic
from ..judge.number import to_float
from ..page import asset
from ..page.desk import judged
from ..page.quiz import view
from ..progress import file as progress
from ..progress.version import version
from ..text.markup import markup

HERE = Path(__file__).parent
PACKAGE = Path(__file__).parents[2]
PYTHON = SHIPPED / "python-in-a-page.zip"
ROOMS = ("judge", "bank", "progress", "text")
ALONE = ("__init__.py", "files.py", "teach/__init__.py", "teach/page/__init__.py", "teach/page/desk.py")
PLACE = "answer-"  # begins the id of the place where an exercise is answered
NOTE = '<p class="note">This one is answered <a href="index.html#lab">in JupyterLab</a>.</p>'
LIKELY = range(3, 8)  # digits to which a right number, or that of a mistake, is looked up
NO_LOCK = '''"""A page's own file needs no lock."""
import contextlib

class Timeout(Exception):
    pass

class FileLock:
    def __init__(self, path): pass
    def acquire(self, *_, **__): return contextlib.nullcontext()
'''


def is_judged(exercise: Exercise) -> bool:
    """Whether a page can judge an exercise: functions need torch, and are answered in JupyterLab."""
    return isinstance(exercise, Choice | Number | Symbolic | Prose)


def likely(exercise: Exercise) -> Iterator[str]:
    """Answers that many will give, as they are typed: each option, or what is right and known mistakes."""
    if isinstance(exercise, Choice):
        yield from exercise.options
    elif not isinstance(exercise, Prose):
        forms = (exercise.references[0], *exercise.also, *(mistake.example for mistake in exercise.mistakes))
        yield from (form for form in forms if isinstance(form, str))
    if isinstance(exercise, Number):
        for value in (exercise.answer, *(to_float(mistake.example) for mistake in exercise.mistakes)):
            yield from {f"{value:.{count}g}": None for count in LIKELY}
            if 0 < abs(value) < 1:
                yield from {f"{100 * value:.{count}g}{gap}%": None for count in LIKELY for gap in ("", " ")}


def sheet_of(key: str) -> dict[str, Any]:
    """All that a page needs of one exercise: what it shows, and the verdicts on its likely answers."""
    exercise = bank[key]
    words = view(exercise) | {"solution": markup(exercise.worked)}
    if not isinstance(exercise, Choice | Prose):
        words |= {"title": "", "prompt": ""}  # the lesson shows them
    verdicts: list[dict[str, Any]] = []
    known: dict[str, int] = {}
    for text in likely(exercise):
        verdict = judged(key, text)
        made = {name: verdict[name] for name in ("outcome", "head", "html")}
        verdicts += [] if made in verdicts else [made]
        known[text] = verdicts.index(made)
    return {"view": words, "version": version(exercise), "known": known, "verdicts": verdicts}


def packed(value: object) -> str:
    """A value as JSON in base64: not to be read at a glance, and no more than that."""
    return base64.b64encode(json.dumps(value, ensure_ascii=False).encode()).decode()


def answer_files(numbers: Iterable[str]) -> dict[str, str]:
    """The scripts that the pages of these lessons fetch: one with each lesson's sheets, and the engine."""
    with in_author_s_order():
        found = {
            f"answers-{number}.js": f'window.SHEETS = "{packed(sheets(number))}";\n'
            for number in numbers
            if number in LESSONS
        }
    quiz = asset("model.js", "quiz.js").replace("export default { render };", "")
    mine = f"(() => {{\n{quiz}{(HERE / 'answers.js').read_text('utf-8')}}})();\n"
    judge = {"worker": (HERE / "worker.js").read_text("utf-8"), "files": engine()}
    judge["language"] = os.environ.get("DDPM_LANGUAGE", "")
    return {**found, "answers.js": mine, "judge.js": f"window.JUDGE = {json.dumps(judge)};\n"}


@contextlib.contextmanager
def in_author_s_order() -> Iterator[None]:
    """Options in the author's order, as the judge in a page has them, whoever builds the site."""
    before = os.environ.get("DDPM_STUDENT")
    os.environ["DDPM_STUDENT"] = ""
    lesson.cache_clear()
    try:
        yield
    finally:
        os.environ.pop("DDPM_STUDENT")
        os.environ |= {} if before is None else {"DDPM_STUDENT": before}
        lesson.cache_clear()


def sheets(number: str) -> dict[str, dict[str, Any]]:
    """The sheets of a lesson's exercises that a page can judge, by key."""
    return {each.permanent: sheet_of(each.permanent) for each in lesson(number).values() if is_judged(each)}


def key_of(number: str) -> str:
    """The key of the exercise that is shown under this number, which may have been another's before."""
    chapter, _, at = number.partition(".")
    return [*lesson(chapter).values()][int(at) - 1].permanent


def course(pages: Mapping[str, str]) -> str:
    """The script that says which exercises each lesson has.  pages: of the lessons, by number."""
    lessons = [
        {
            "number": number,
            "page": page,
            "exercises": [[e.key, e.id, int(e.optional)] for e in lesson(number).values()],
        }
        for number, page in pages.items()
        if number in LESSONS
    ]
    words = {outcome: [progress.SYMBOLS[outcome], progress.WORDS[outcome]] for outcome in progress.OUTCOMES}
    return f"window.COURSE = {json.dumps({'lessons': lessons, 'words': words}, ensure_ascii=False)};\n"


@cache
def engine() -> dict[str, str]:
    """The files of the judge that runs in a page, each compressed, as base64: Pyodide's and ours."""
    with zipfile.ZipFile(PYTHON) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["course.json"] = json.dumps(sources()).encode()
    return {name: base64.b64encode(gzip.compress(raw, 9, mtime=0)).decode() for name, raw in parts.items()}


def sources() -> dict[str, str]:
    """The Python files that judge, with the words of the bank, by their paths."""
    ours = [PACKAGE / name for name in ALONE]
    ours += [
        p for room in ROOMS for p in (PACKAGE / "teach" / room).rglob("*") if p.suffix in (".py", ".toml")
    ]
    found = {p.relative_to(PACKAGE.parent).as_posix(): p.read_text("utf-8") for p in ours}
    home = Path(mistune.__file__).parent
    found |= {f"mistune/{p.relative_to(home).as_posix()}": p.read_text("utf-8") for p in home.rglob("*.py")}
    return {**found, "filelock.py": NO_LOCK}


def place(key: str, shown: str = NOTE) -> str:
    """The HTML where an exercise is answered.  shown: what stands there until a script puts a form there."""
    name = html.escape(key)
    return f'<div class="out answer" id="{PLACE}{name}" data-exercise="{name}">{shown}</div>'
