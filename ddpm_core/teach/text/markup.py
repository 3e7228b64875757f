"""Converts the simple Markdown of exercises to HTML with MathML, and to plain text.

JupyterLab renders Markdown in cells and outputs itself, but not inside widgets or in text.
"""

import html
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from mistune import BlockParser, BlockState, HTMLRenderer, InlineParser, InlineState, Markdown

from .latex import mathml, parsed

FORMULAS = re.compile(r"\$\$.+?\$\$|\$[^$\n]+?\$", re.S)
_BLOCKS = ["fenced_code", "list", "blank_line"]  # of mistune's; everything else is a paragraph
_KEPT = {
    "formula": f"(?s:{FORMULAS.pattern})",
    "code": r"(?s:```.*?```)|`[^`\n]+`",
    "sign": r"(?<=\w)[*_](?=\w)",  # kept as it is, as in a*b*c
}


def markup(text: str) -> str:
    """Simple Markdown as HTML: paragraphs, lists, fenced code, and what `inline` knows."""
    return str(_page()(text.strip()))


def inline(text: str, math: Callable[[str], str] | None = None) -> str:
    """One line as HTML: bold, emphasis, code and formulas; everything else is escaped.

    math: how to convert a formula, given with its dollars; to MathML if None.  Use html.escape if the page
    typesets formulas itself.
    """
    return _Page(math or _math).render_tokens(_spans()(text, {}), BlockState())


def plain(text: str) -> str:
    """The same Markdown as plain text: formulas in Unicode, no asterisks; code keeps its backticks."""
    return "".join(map(_said, _spans()(text.strip(), {})))


class _Page(HTMLRenderer):
    """Renders tokens as HTML; any HTML in the text is escaped."""

    def __init__(self, math: Callable[[str], str]) -> None:
        super().__init__(escape=True)
        self.formula, self.sign = math, str

    def code(self, span: str) -> str:
        """Code without its backticks."""
        return f"<code>{html.escape(span.strip('`'))}</code>"

    def block_code(self, code: str, info: str | None = None) -> str:
        """Fenced code, whatever its language."""
        return f"<pre>{html.escape(code.rstrip())}</pre>\n"


@cache
def _page() -> Markdown:
    block = BlockParser(list_rules=_BLOCKS)
    block.rules = _BLOCKS
    return Markdown(_Page(_math), block, _spans())


@cache
def _spans() -> InlineParser:
    parser = InlineParser()
    parser.rules = ["emphasis"]  # the only one of mistune's, beside ours
    for kind, pattern in _KEPT.items():
        parser.register(kind, pattern, _keep, before="emphasis")
    return parser


def _keep(parser: InlineParser, match: re.Match[str], state: InlineState) -> int:
    state.append_token({"type": match.lastgroup, "raw": match[0]})
    return match.end()


def _math(span: str) -> str:
    """A formula as MathML, or its source if it can't be parsed; data-tex keeps the source for MathJax."""
    source = span.strip("$").strip()
    try:
        shown = mathml(source, span.startswith("$$"))
    except ValueError:
        shown = f"<code>{html.escape(source)}</code>"
    return f'<span class="tex" data-tex="{html.escape(span)}">{shown}</span>'


def _said(token: dict[str, Any]) -> str:
    """A token of `_spans` as plain text."""
    if "children" in token:
        return "".join(map(_said, token["children"]))
    raw: str = token["raw"]
    try:
        return parsed(raw.strip("$")).text if token["type"] == "formula" else raw
    except ValueError:
        return raw
