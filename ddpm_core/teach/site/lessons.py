"""One executed notebook as an HTML page: its sections, pictures and widgets."""

import base64
import contextlib
import hashlib
import html
import inspect
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

from nbconvert.filters import ansi2html
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from ..bank import LESSONS, bank, lesson as exercises_of
from ..page.folds import count_words, deeper, is_folded, minutes, tags
from ..page.small import smaller
from ..page.still import WIDGET_VIEW, together
from ..page.widgets import WIDGET_STATE, mounted_apart, stored_apart
from ..text.latex import mathml, parsed
from ..text.markup import FORMULAS
from ..update.cells import Role, roles
from .answers import NOTE, PLACE, is_judged, key_of, place

BLANK = "Not attempted."  # the beginning of the verdict on an empty answer
KERNEL = "kernel"  # the tag of the cell that says which kernel to choose
COVER = "cover"  # of the cell whose picture stands for the lesson; else it is the first
TRAINS = re.compile(r"\btrain\(")
CONTROLS = '<p class="note">Its controls move it <a href="index.html#lab">in JupyterLab</a>.</p>'
MARK = re.compile(r"""^lesson_mark\(["'](\w+)["']\)""", re.M)
ASKS_ALONE = re.compile(r"""(\w+ = )?(exercise|quiz|lesson_mark)\(["'][^"']*["']\)\s*(\n\w+)?""")
SHAPES = re.compile(r",? \((?:[\w+ ]|\(\w+\))+,[\w+, ]*\)( each)?")
# What a widget shows, by the first word that it says of itself.
SHOWN = {
    "scrub_noise": "a picture, noised level by level",
    "scrub": "a walk from noise, step by step",
    "shape_schedule": "a schedule, bent by hand",
    "shape_posterior": "two bells and their product",
    "one_line": "one line, from noise to picture",
    "particles": "particles in a plane",
    "step_race": "a race for a sample",
    "turn": "a dial",
    "easel": "a box to type into",
    "watch_fault": "faults, and what they do to samples",
}
_TAGS = re.compile(r"(<(?:style|script|math)\b.*?</(?:style|script|math)>|<[^>]*>)", re.S)


class Section(NamedTuple):
    """A section of a page, for the contents and the search: its heading's id and level, title, and words."""

    id: str
    level: int
    title: str  # HTML
    words: list[str]


class Stage(NamedTuple):
    """A scrubber that also has a page of its own."""

    name: str  # of the page
    title: str
    told: str  # what it shows, in words
    section: Section
    mount: str  # HTML


@dataclass
class Page:
    """A notebook as a page, and the files that it needs."""

    name: str  # of the page
    number: str
    title: str
    lead: str = ""  # HTML of the first paragraph
    cover: str = ""  # the name of a picture
    minutes: int = 0  # to read
    exercises: int = 0
    trains: bool = False  # whether a network is trained in it
    html: str = ""
    sections: list[Section] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)  # pictures, by name
    unread: list[str] = field(default_factory=list)  # formulas that can't be parsed, shown as their source
    missing: list[str] = field(default_factory=list)  # pictures that aren't found


def lesson(stem: str, notebook: NotebookNode, folder: Path) -> Page:
    """The page of the executed notebook `stem`.ipynb, whose pictures lie in `folder`."""
    number, _, rest = stem.partition("_")
    page = Page(f"{stem}.html", number, rest.replace("_", " ").capitalize() or stem)
    writer = _Writer(page, notebook, folder)
    page.html = "\n".join(writer.cells())
    if first := re.search(r"<h1[^>]*>(.*?)</h1>", page.html, re.S):
        page.title = re.sub(r"^\w+ · ", "", words(first[1]))
    page.minutes = minutes(count_words(notebook.cells)[0])
    page.exercises = len(exercises_of(number)) if number in LESSONS else 0
    page.trains = any(TRAINS.search(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    if shown := cover(notebook.cells):
        page.cover = writer.kept(shown)
    if paragraph := re.search(r"<p>(.*?)</p>", page.html, re.S):
        page.lead = paragraph[1]
    return page


def cover(cells: Iterable[NotebookNode]) -> bytes:
    """The picture that stands for a lesson: the one its author tagged, else the first; b"" if it has none."""
    outputs = [(cell, output.get("data", {})) for cell in cells for output in cell.get("outputs", [])]
    found = [(COVER in tags(cell), data["image/png"]) for cell, data in outputs if "image/png" in data]
    return base64.b64decode(max(found, key=itemgetter(0))[1]) if found else b""


def address(cell: NotebookNode) -> str:
    """The address of a cell on its page, the one that it has in JupyterLab."""
    return f' id="cell-id={html.escape(cell.id)}"' if "id" in cell else ""


def coloured(source: str) -> str:
    """Python source as HTML with classes for syntax colours."""
    return str(highlight(source, PythonLexer(), HtmlFormatter(cssclass="code")))


def words(text: str) -> str:
    """The words in some HTML, without tags and formulas, separated by single spaces."""
    text = re.sub(r"<(math|script|style|svg)\b.*?</\1>", " ", text, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def spoken(text: str) -> str:
    """The words in some HTML, with its formulas as plain text."""
    return words(re.sub(r'<math alttext="([^"]*)".*?</math>', r"\1", text, flags=re.S))


class _Writer:
    """Renders a notebook's cells in order, and collects its sections, files and widgets in `page`."""

    def __init__(self, page: Page, notebook: NotebookNode, folder: Path) -> None:
        self.page, self.notebook, self.folder = page, notebook, folder
        self.widgets = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
        self.renderer = _Renderer(self)
        self.caption = ""  # of the figure that the present cell draws

    @property
    def section(self) -> Section:
        if not self.page.sections:
            self.page.sections.append(Section("top", 1, self.page.title, []))
        return self.page.sections[-1]

    def cells(self) -> Iterator[str]:
        cells = self.notebook.cells
        for beside, group in groupby(zip(cells, roles(cells), deeper(cells), strict=True), key=itemgetter(2)):
            made = [self.cell(cell, role) for cell, role, _ in group]
            yield from (aside(made[0], made[1:]) if beside else filter(None, made))

    def cell(self, cell: NotebookNode, role: Role | None) -> str:
        """A cell as HTML, "" for one that the site doesn't show."""
        if cell.cell_type == "markdown":
            return f'<div class="text"{address(cell)}>{self.markdown(cell.source)}</div>'
        shown = cell.cell_type == "code" and cell.source.strip() and KERNEL not in tags(cell)
        return self.code(cell, role) if shown else ""

    def markdown(self, text: str) -> str:
        """Markdown as HTML.  Its words are added to the sections that its headings begin."""
        made: str = MarkdownWithMath(renderer=self.renderer).render(text)
        known = {section.id: section for section in self.page.sections}
        place = self.section
        for part in re.split(r"(?=<h[1-6] id=)", made):
            if heading := re.match(r'<h[1-6] id="([^"]*)"', part):
                place = known[heading[1]]
            place.words.append(spoken(part))
        return made

    def code(self, cell: NotebookNode, role: Role | None) -> str:
        self.section.words.append(cell.source)
        self.caption = caption(cell.source, self.page.number)
        key = unanswered(cell, role)
        if key and is_judged(bank[key]):
            return f'<div class="cell"{address(cell)}>{place(key)}</div>'
        source = coloured(cell.source)
        if ASKS_ALONE.fullmatch(cell.source.strip()):
            source = ""
        elif is_folded(cell):
            source = f'<details class="fold"><summary>Code</summary>{source}</details>'
        outputs = "".join(self.output(output) for output in together(cell.outputs))
        if key:
            outputs = f'<div class="answer" id="{PLACE}{key}">{outputs}</div>'
        if mark := MARK.search(cell.source):
            outputs = f'<div data-mark="{mark[1]}">{outputs}</div>'
        return f'<div class="cell"{address(cell)}>{source}{outputs}</div>'

    def output(self, output: NotebookNode) -> str:
        if output.output_type == "stream":
            return f'<pre class="out">{ansi2html(output.text)}</pre>' if output.name == "stdout" else ""
        if output.output_type == "error":
            return f'<pre class="out">{ansi2html(chr(10).join(output.traceback))}</pre>'
        data = output.data
        if data.get("text/plain", "").startswith(BLANK):
            return NOTE
        if WIDGET_VIEW in data:
            return self.widget(output)
        if "text/html" in data:
            return f'<div class="out">{self.typeset(data["text/html"])}</div>'
        if "text/markdown" in data:
            return f'<div class="out text">{self.markdown(data["text/markdown"])}</div>'
        if "image/png" in data:
            return f'<div class="out">{self.picture(output)}</div>'
        return f'<pre class="out">{html.escape(data.get("text/plain", ""))}</pre>'

    def typeset(self, text: str) -> str:
        """HTML with the formulas in its text typeset, as JupyterLab does."""
        parts = _TAGS.split(text)
        parts[::2] = [
            FORMULAS.sub(lambda m: self.renderer.inline_math(html.unescape(m[0].strip("$"))), part)
            for part in parts[::2]
        ]
        return "".join(parts)

    def kept(self, picture: bytes) -> str:
        """The name of a picture's file, which is added to the page's files."""
        name = f"{hashlib.sha256(picture).hexdigest()[:12]}.png"
        if name not in self.page.files:
            self.page.files[name] = smaller(picture)
        return name

    def picture(self, output: NotebookNode) -> str:
        content = base64.b64decode(output.data["image/png"])
        name = self.kept(content)
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        if shown := output.get("metadata", {}).get("image/png", {}).get("width"):
            width, height = round(shown), round(height * shown / width)
        alt = self.caption or f"Figure: {words(self.section.title)}"
        size = f'width="{width}" height="{height}"'
        shown = f'<img src="{name}" alt="{html.escape(alt)}" {size} loading="lazy">'
        below = f"<figcaption aria-hidden='true'>{html.escape(self.caption)}</figcaption>"
        return f"<figure>{shown}{below}</figure>" if self.caption else shown

    def widget(self, output: NotebookNode) -> str:
        """A scrubber as a working widget, a question as static HTML, any other widget as its picture."""
        data = output.data
        id = data[WIDGET_VIEW]["model_id"]
        entry = self.widgets.get(id, {"model_name": "", "state": {}})
        if "view" in entry["state"]:
            return question(entry["state"]["view"])
        if entry["model_name"] == "AnyModel":
            return self.scrubber(id, entry, data)
        if "image/png" in data:
            return f'<div class="out">{self.picture(output)}{CONTROLS}</div>'
        return ""  # a progress bar

    def scrubber(self, id: str, entry: dict[str, Any], data: NotebookNode) -> str:
        still = base64.b64decode(data.get("image/png", ""))
        title = words(self.section.title)
        name = f"stage-{self.page.name.removesuffix('.html')}-{len(self.page.stages) + 1}.html"
        stored = name.replace(".html", ".js")
        self.page.files[stored] = stored_apart(stored, id, entry).encode()
        mount = mounted_apart(stored, entry, self.kept(still) if still else "", data.get("text/plain", ""))
        kind = data.get("text/plain", "").partition(":")[0]
        told = SHOWN.get(kind, kind.replace("_", " "))
        same = sum(stage.told.startswith(told) for stage in self.page.stages if stage.section == self.section)
        told += f", once more ({same + 1})" if same else ""
        self.page.stages.append(Stage(name, title, told, self.section, mount))
        return f'<div class="out">{mount}<p class="note"><a href="{name}">Full width</a></p></div>'


def caption(source: str, number: str) -> str:
    """What the figure of a cell shows: the first sentence of what its function says of itself; "" for none.

    number: of the lesson.  What is said of shapes is left out, and so is a chart of the lesson's way.
    """
    with contextlib.suppress(ModuleNotFoundError):
        home = import_module(f"..page.figures.lesson{number}", __package__)
        drawn = [getattr(home, name, None) for name in re.findall(r"^(?:\w+\.)?(\w+)\(", source, re.M)]
        told = [
            inspect.getdoc(each) or "" for each in drawn if getattr(each, "__module__", "") == home.__name__
        ]
        if told and "stops" not in told[-1]:
            first = re.split(r"(?<=\w\.)\s|;(?! right)", " ".join(told[-1].split()))[0].rstrip(".") + "."
            return "" if re.search("`|by name", first) else SHAPES.sub("", first)
    return ""


def unanswered(cell: NotebookNode, role: Role | None) -> str:
    """The key of the exercise that a cell checks, if no answer is in it; else ""."""
    blank = any(output.get("data", {}).get("text/plain", "").startswith(BLANK) for output in cell.outputs)
    return role.exercise if role and role.checks and blank and role.exercise in bank else ""


def aside(head: str, rest: Iterable[str]) -> list[str]:
    """A folded section: its heading is seen, the rest when it is opened."""
    opening, heading, text = re.split(r"(<h[1-6].*?</h[1-6]>)", head, maxsplit=1, flags=re.S)
    summary = f'<details class="deeper"><summary>{heading}</summary>{opening}{text}'
    return [summary, *filter(None, rest), "</details>"]


def question(view: dict[str, Any]) -> str:
    """A question to click, as static HTML, which a script replaces by a form."""
    options = "".join(
        f"<li><kbd>{html.escape(key)}</kbd><div>{text}</div></li>" for key, text in view["options"]
    )
    shown = (
        f'<div class="question"><p><span class="id">{html.escape(view["id"])}</span> '
        f"<b>{view['title']}</b></p>{view['prompt']}<ul>{options}</ul>{NOTE}</div>"
    )
    return place(key_of(view["id"]), shown)


class _Renderer(IPythonRenderer):
    """Renders Markdown with MathML formulas, ids on headings, and local pictures copied to the site."""

    def __init__(self, writer: _Writer) -> None:
        super().__init__(escape=False, exclude_anchor_links=True)
        self.writer = writer

    def inline_math(self, body: str) -> str:
        return self.formula(body, False)

    def block_math(self, body: str) -> str:
        return f'<div class="formula">{self.formula(body, True)}</div>'

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def formula(self, body: str, block: bool) -> str:
        try:
            shown = html.escape(parsed(body).text)
            return mathml(body, block).replace("<math ", f'<math alttext="{shown}" ', 1)
        except ValueError as error:
            self.writer.page.unread.append(f"{body}: {error}")
            return f"<code>{html.escape(body)}</code>"

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        stem = id = re.sub(r"\W+", "-", words(text).lower()).strip("-") or "section"
        taken, count = {section.id for section in self.writer.page.sections}, 1
        while id in taken:
            id = f"{stem}-{(count := count + 1)}"
        self.writer.page.sections.append(Section(id, level, text, []))
        return f'<h{level} id="{id}">{text}</h{level}>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture; a local file is added to the page's files."""
        link = urlsplit(url)
        if not link.scheme and not link.netloc:
            path = self.writer.folder / unquote(link.path)
            if path.is_file():
                self.writer.page.files[path.name] = path.read_bytes()
                url = quote(path.name)
            else:
                self.writer.page.missing.append(unquote(link.path))
        return str(super().image(text, url, title))

    def table_cell(self, text: str, align: str | None = None, head: bool = False) -> str:
        """A table cell.  An empty heading becomes <td>; one with only a formula gets an aria-label."""
        bare = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
        if head and not words(text):
            text = text.replace("<math ", f'<math aria-label="{html.escape(bare)}" ')
        tag, style = "th" if head and bare else "td", f' style="text-align:{align}"' if align else ""
        return f"<{tag}{style}>{text}</{tag}>"

    def table(self, text: str) -> str:
        return f'<div class="wide"><table>{text}</table></div>'
