"""The course as static pages: python -m ddpm_core.teach site OUT.

Each notebook is run with its widgets' state saved, and becomes a page on which the scrubbers still work; each
scrubber also gets a page of its own, and the proofs a formula sheet.  The pages need no server, no kernel and
no network: formulas are MathML, and every script, style, font and picture lies in the same folder.
"""

import html
import json
import re
import shutil
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path
from string import Template

from ..bank import LESSONS
from ..page import asset
from ..page.widgets import loader
from .answers import answer_files, course
from .front import ABOUT, AT_WORK, COURSE, WORK, front
from .lessons import Page, Section, Stage, lesson, spoken
from .live import link_picture, live_files, live_section
from .runs import PACKAGE, executed
from .sheet import formula_sheet

HERE = Path(__file__).parent
MARK = "site.json"  # lists the files that `build` wrote; a folder without it isn't a site
COPIED = ("site.css", "site.js", "favicon.svg", "stix-two-math.woff", "stix-two-math.txt")
PREVIEW = "preview.png"


def build(notebooks: Path, out: Path, kept: Path, address: str = "") -> list[Page]:
    """Write the site of the notebooks in a folder to `out`; `kept` is a folder that caches their runs.

    address: where it will stand, "https://..."; links from elsewhere then show a picture.

    Only files that an earlier `build` wrote to `out` are replaced, and only at the very end.
    FileNotFoundError if there is no notebook; ValueError if `out` is unsuitable for a site, or a cell fails.
    A formula that can't be parsed is shown as its source and listed in the `unread` of its page; a picture
    that isn't found is listed in its `missing`.
    """
    paths = sorted(notebooks.glob("*.ipynb"))
    if not paths:
        raise FileNotFoundError(f"there is no notebook in {notebooks}")
    _apart(out, notebooks)
    _written(out)
    lessons = [lesson(path.stem, executed(path, kept), notebooks) for path in paths]
    files = _files(lessons, live_section(kept), address)
    files[PREVIEW] = link_picture(kept)
    out = out.resolve()  # follow links
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as new:
        for name, content in files.items():
            (Path(new) / name).write_bytes(content)
        _replace(out, Path(new))
    return lessons


def _apart(out: Path, notebooks: Path) -> None:
    """ValueError if `out` overlaps the package or the notebooks, or contains the current folder."""
    place, here = out.resolve(), Path.cwd().resolve()
    for name, folder in (("the package", PACKAGE.resolve()), ("the notebooks", notebooks.resolve())):
        if place.is_relative_to(folder):
            raise ValueError(f"{out} lies in the folder of {name}, {folder}; name a folder apart from it")
        if folder.is_relative_to(place):
            raise ValueError(f"{out} contains the folder of {name}, {folder}; name a folder apart from it")
    if place in here.parents:
        raise ValueError(f"{out} contains the current folder, {here}; name a folder apart from it")


def _written(out: Path) -> set[str]:
    """The names of the files that an earlier `build` wrote to `out`; ValueError if it isn't a site."""
    if not out.exists() or not any(out.iterdir()):
        return set()
    try:
        names = json.loads((out / MARK).read_text("utf-8"))["files"]
        if all(Path(name).name == name and not (out / name).is_dir() for name in names):
            return set(names)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    raise ValueError(
        f"{out} holds something else than a site, or an old site without its list {MARK}; "
        "name a new folder, or delete this one by hand"
    )


def _replace(out: Path, new: Path) -> None:
    """Replace the site in `out` by the files in `new`; other files there are left alone."""
    old, names = _written(out), {path.name for path in new.iterdir()}
    if strange := sorted(name for name in names - old if (out / name).exists()):
        raise ValueError(f"{out} holds {', '.join(strange)}, which no site wrote; move that away")
    out.mkdir(exist_ok=True)
    _mark(out, old | names)  # if this is interrupted, all files are listed
    for name in names:
        shutil.move(new / name, out / name)
    for name in old - names:
        (out / name).unlink(missing_ok=True)
    _mark(out, names)


def _mark(out: Path, names: set[str]) -> None:
    (out / MARK).write_text(json.dumps({"files": sorted(names)}, indent=1) + "\n", "utf-8")


def _files(lessons: Sequence[Page], hero: str, address: str) -> dict[str, bytes]:
    """Every file of the site, by name; hero: the networks at work."""
    pages = _pages(lessons, hero, address)
    pictures = {name: content for each in lessons for name, content in each.files.items()}
    texts = {name: _linked(text, pages) for name, text in pages.items()}
    texts["search.js"] = f"window.SECTIONS = {_found(lessons)};\n"
    texts |= answer_files([each.number for each in lessons])
    texts["course.js"] = course({each.number: each.name for each in lessons})
    copied = {name: (HERE / name).read_bytes() for name in COPIED}
    copied["site.css"] += asset("quiz.css").encode()
    return copied | live_files() | pictures | {name: text.encode() for name, text in texts.items()}


def _pages(lessons: Sequence[Page], hero: str, address: str) -> dict[str, str]:
    """The HTML of every page, by its name."""
    pages = {"index.html": _page("index.html", COURSE, front(lessons, hero), lessons, ABOUT, address)}
    for k, each in enumerate(lessons):
        ends = _ends(lessons[k - 1] if k else None, lessons[k + 1] if k + 1 < len(lessons) else None)
        body = each.html + ends + (loader() if each.stages else "")
        title = f"{each.number} · {each.title}"
        pages[each.name] = _page(each.name, title, body, lessons, each.lead, address)
        for stage in each.stages:
            pages[stage.name] = _stage(each, stage)
    pages[WORK] = _page(WORK, AT_WORK, f"<h1>{AT_WORK}</h1>{hero}", lessons)
    pages["formulas.html"] = _page("formulas.html", "Formula sheet", _sheet(lessons), lessons)
    return pages


def _page(
    name: str, title: str, body: str, lessons: Sequence[Page], told: str = "", address: str = ""
) -> str:
    return Template((HERE / "page.html").read_text("utf-8")).substitute(
        kind=re.split(r"[-.]", name)[0],
        title=html.escape(title if title == COURSE else f"{title} · {COURSE}"),
        told=_told(title, spoken(told), address),
        scripts=_scripts(name, lessons),
        contents=_contents(name, lessons),
        body=body,
    )


def _told(title: str, words: str, address: str) -> str:
    """What a search and a link from elsewhere show of a page."""
    if not words:
        return ""
    words = textwrap.shorten(words, 200, placeholder=" …")
    shown = {"og:type": "website", "og:title": title, "og:description": words}
    if address:
        shown["og:image"] = f"{address.rstrip('/')}/{PREVIEW}"
    tags = "".join(f'\n<meta property="{key}" content="{html.escape(each)}">' for key, each in shown.items())
    return f'<meta name="description" content="{html.escape(words)}">{tags}'


def _scripts(name: str, lessons: Sequence[Page]) -> str:
    """What a page fetches for its exercises, and for the marks of progress; nothing in the lecture hall."""
    here = [f"answers-{each.number}.js" for each in lessons if each.name == name and each.number in LESSONS]
    needed = ["course.js", *here, "answers.js"] if lessons else []
    return "\n".join(f'<script src="{each}" defer></script>' for each in needed)


def _contents(name: str, lessons: Sequence[Page]) -> str:
    """The list of the lessons, with the sections of the one that this page shows."""
    items = []
    for each in lessons:
        here = each.name == name
        inner = [section for section in each.sections if section.level == 2] if here else []
        parts = "".join(f'<li><a href="#{s.id}">{s.title}</a></li>' for s in inner)
        mark = ' aria-current="page"' * here
        link = f'<a href="{each.name}"{mark}><b>{each.number}</b> {html.escape(each.title)}</a>'
        items.append(f'<li data-lesson="{each.number}">{link}{f"<ol>{parts}</ol>" if parts else ""}</li>')
    mark = ' aria-current="page"' * (name == "formulas.html")
    return (
        f'<ol>{"".join(items)}</ol><p><a href="formulas.html"{mark}>Formula sheet</a></p>'
        + "<div class='mine' data-progress></div>"
    )


def _ends(before: Page | None, after: Page | None) -> str:
    links = "".join(
        f'<a rel="{rel}" href="{each.name}"><small>{word}</small> '
        f"{each.number} · {html.escape(each.title)}</a>"
        for rel, word, each in (("prev", "Before", before), ("next", "Next", after))
        if each
    )
    return f'<nav class="ends" aria-label="Neighbouring lessons">{links}</nav>'


def _stage(each: Page, stage: Stage) -> str:
    back = f'<a href="{each.name}#{stage.section.id}">{each.number} · {html.escape(each.title)}</a>'
    body = f"<h1>{stage.section.title}</h1><p>{back}: {html.escape(stage.told)}</p>{stage.mount}{loader()}"
    return _page(stage.name, f"{stage.title}: {stage.told}", body, [])


def _sheet(lessons: Sequence[Page]) -> str:
    """The formula sheet, with a link to the lesson that runs the proofs."""
    where = next(
        (
            f' Lesson <a href="{each.name}#{s.id}">{each.number}</a> runs them before your eyes.'
            for each in lessons
            for s in each.sections
            if any("table(PROOFS)" in words for words in s.words)
        ),
        "",
    )
    head = (
        "<h1>Formula sheet</h1><p>Each identity was proved when this page was made: symbols went through the "
        "functions named beside it, the ones that train and sample, and both sides agreed. The number is the "
        f"line of <code>ddpm_core/teach/maths/proofs.py</code> at which its proof stands.{where}</p>"
    )
    return head + formula_sheet()


def _linked(text: str, pages: dict[str, str]) -> str:
    """The HTML with links to notebooks replaced by links to their pages."""

    def page(link: re.Match[str]) -> str:
        name = link[2].rsplit("/", 1)[-1] + ".html"
        return f'href="{name}{link[3] or ""}"' if name in pages else link[0]

    return re.sub(r"""href=(["'])([^"':#]+)\.ipynb(#[^"']*)?\1""", page, text)


def _found(lessons: Sequence[Page]) -> str:
    """The search index as JSON: for each section its address, lesson, heading and words."""

    def entry(each: Page, section: Section) -> list[str]:
        return [
            f"{each.name}#{section.id}",
            f"{each.number} · {each.title}",
            spoken(section.title),
            " ".join(section.words),
        ]

    entries = [entry(each, section) for each in lessons for section in each.sections]
    return json.dumps(entries, ensure_ascii=False).replace("</", "<\\/")
