"""One executed notebook as an HTML page: its sections, pictures and widgets."""

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
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

from ..page.folds import deeper, is_folded, tags
from ..page.still import WIDGET_VIEW, together
from ..page.widgets import WIDGET_STATE, mounted
from ..text.latex import mathml
from ..text.markup import FORMULAS

BLANK = "Not attempted."  # the beginning of the verdict on an empty answer
NOTE = '<p class="note">This one is answered <a href="index.html#lab">in JupyterLab</a>.</p>'
KERNEL = "kernel"  # the tag of the cell that says which kernel to choose
CONTROLS = '<p class="note">Its controls move it <a href="index.html#lab">in JupyterLab</a>.</p>'
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
    told: str  # the widget in words
    section: Section
    mount: str  # HTML


@dataclass
class Page:
    """A notebook as a page, and the files that it needs."""

    name: str  # of the page
    number: str
    title: str
    lead: str = ""  # HTML of the first paragraph
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
    if paragraph := re.search(r"<p>(.*?)</p>", page.html, re.S):
        page.lead = paragraph[1]
    return page


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


class _Writer:
    """Renders a notebook's cells in order, and collects its sections, files and widgets in `page`."""

    def __init__(self, page: Page, notebook: NotebookNode, folder: Path) -> None:
        self.page, self.notebook, self.folder = page, notebook, folder
        self.widgets = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
        self.renderer = _Renderer(self)

    @property
    def section(self) -> Section:
        if not self.page.sections:
            self.page.sections.append(Section("top", 1, self.page.title, []))
        return self.page.sections[-1]

    def cells(self) -> Iterator[str]:
        cells = self.notebook.cells
        for beside, group in groupby(zip(cells, deeper(cells), strict=True), key=itemgetter(1)):
            made = [self.cell(cell) for cell, _ in group]
            yield from (aside(made[0], made[1:]) if beside else filter(None, made))

    def cell(self, cell: NotebookNode) -> str:
        """A cell as HTML, "" for one that the site doesn't show."""
        if cell.cell_type == "markdown":
            return f'<div class="text"{address(cell)}>{self.markdown(cell.source)}</div>'
        shown = cell.cell_type == "code" and cell.source.strip() and KERNEL not in tags(cell)
        return self.code(cell) if shown else ""

    def markdown(self, text: str) -> str:
        """Markdown as HTML.  Its words are added to the sections that its headings begin."""
        made: str = MarkdownWithMath(renderer=self.renderer).render(text)
        known = {section.id: section for section in self.page.sections}
        place = self.section
        for part in re.split(r"(?=<h[1-6] id=)", made):
            if heading := re.match(r'<h[1-6] id="([^"]*)"', part):
                place = known[heading[1]]
            place.words.append(words(part))
        return made

    def code(self, cell: NotebookNode) -> str:
        self.section.words.append(cell.source)
        source = coloured(cell.source)
        if is_folded(cell):
            source = f'<details class="fold"><summary>Code</summary>{source}</details>'
        outputs = "".join(self.output(output) for output in together(cell.outputs))
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

    def picture(self, output: NotebookNode) -> str:
        content = base64.b64decode(output.data["image/png"])
        name = f"{hashlib.sha256(content).hexdigest()[:12]}.png"
        self.page.files[name] = content
        width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
        if shown := output.get("metadata", {}).get("image/png", {}).get("width"):
            width, height = round(shown), round(height * shown / width)
        alt = f"Figure: {words(self.section.title)}"
        size = f'width="{width}" height="{height}"'
        return f'<img src="{name}" alt="{html.escape(alt)}" {size} loading="lazy">'

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
        mount = mounted(id, entry, still, data.get("text/plain", ""))
        title = words(self.section.title)
        name = f"stage-{self.page.name.removesuffix('.html')}-{len(self.page.stages) + 1}.html"
        self.page.stages.append(Stage(name, title, data.get("text/plain", ""), self.section, mount))
        return f'<div class="out">{mount}<p class="note"><a href="{name}">Full width</a></p></div>'


def aside(head: str, rest: Iterable[str]) -> list[str]:
    """A folded section: its heading is seen, the rest when it is opened."""
    opening, heading, text = re.split(r"(<h[1-6].*?</h[1-6]>)", head, maxsplit=1, flags=re.S)
    summary = f'<details class="deeper"><summary>{heading}</summary>{opening}{text}'
    return [summary, *filter(None, rest), "</details>"]


def question(view: dict[str, Any]) -> str:
    """A multiple-choice question as static HTML."""
    options = "".join(
        f"<li><kbd>{html.escape(key)}</kbd><div>{text}</div></li>" for key, text in view["options"]
    )
    return (
        f'<div class="out question"><p><span class="id">{html.escape(view["id"])}</span> '
        f"<b>{view['title']}</b></p>{view['prompt']}<ul>{options}</ul>{NOTE}</div>"
    )


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
            return mathml(body, block)
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
        spoken = " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
        if head and not words(text):
            text = text.replace("<math ", f'<math aria-label="{html.escape(spoken)}" ')
        tag, style = "th" if head and spoken else "td", f' style="text-align:{align}"' if align else ""
        return f"<{tag}{style}>{text}</{tag}>"

    def table(self, text: str) -> str:
        return f'<div class="wide"><table>{text}</table></div>'
