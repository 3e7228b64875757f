"""The little Markdown in which exercises are written, as HTML with MathML and as plain text.

JupyterLab typesets what stands in cells and their outputs.  A widget's page and a text have to do without.
"""

import html
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from mistune import BlockParser, BlockState, HTMLRenderer, InlineParser, InlineState, Markdown

from .latex import GREEK, mathml, parsed

FORMULAS = re.compile(r"\$\$.+?\$\$|\$[^$\n]+?\$", re.S)
_SPANS = re.compile(rf"(```.*?```|{FORMULAS.pattern}|`[^`\n]+`)", re.S)
_BLOCKS = ["fenced_code", "list", "blank_line"]  # of mistune's; what is none of them is a paragraph
_KEPT = {
    "formula": f"(?s:{FORMULAS.pattern})",
    "code": r"(?s:```.*?```)|`[^`\n]+`",
    "sign": r"(?<=\w)[*_](?=\w)",  # itself, as in a*b*c
}

# a symbol as one types it in a sentence: x_0, ᾱ_t, σ_t², √ᾱ_t, x_{t−1}; a Latin letter needs its index
_SYMBOL = re.compile(
    r"(?<![A-Za-z0-9_\\])(√?)(?:([A-Za-z])([\u0302\u0303\u0304]?)(?=_)|([α-ω\u1fb1])([\u0302\u0303\u0304]?))"
    r"(?:_(\{[^{}$]*\}|\d+|[A-Za-zθ]))?(²?)(?![\w_])"
)
_ROOT = re.compile(r"√\(([^()$]*)\)")
_HATS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar"}
_NAMES = {letter: name for name, letter in GREEK.items()}


def typeset(text: str) -> str:
    """The same Markdown with the symbols that stand bare in it, as √ᾱ_t does, put into formulas."""
    spans = _SPANS.split(text)
    for i in range(0, len(spans), 2):
        bare = _ROOT.sub(lambda m: f"$\\sqrt{{{_SYMBOL.sub(_latex, m[1])}}}$", spans[i])
        parts = re.split(r"(\$[^$]*\$)", bare)
        parts[::2] = [_SYMBOL.sub(lambda m: f"${_latex(m).strip()}$", part) for part in parts[::2]]
        spans[i] = "".join(parts)
    return "".join(spans)


def _latex(symbol: re.Match[str]) -> str:
    root, latin, hat, greek, hat_too, index, square = (part or "" for part in symbol.groups())
    letter = "\\bar\\alpha" if greek == "\u1fb1" else latin or f"\\{_NAMES.get(greek, greek)}"
    if mark := _HATS.get(hat or hat_too):
        letter = f"\\{mark}{{{letter}}}"
    below = "_{" + index.strip("{}").replace("−", "-").replace("θ", "\\theta") + "}" if index else ""
    whole = letter + below + ("^2" if square else "")
    return f"\\sqrt{{{whole}}}" if root else f"{whole} "


def markup(text: str) -> str:
    """A little Markdown as HTML: paragraphs, lists, fenced code, and what `inline` knows."""
    return str(_page()(typeset(text.strip())))


def inline(text: str, math: Callable[[str], str] | None = None) -> str:
    """One line as HTML: bold, emphasis, code and formulas; everything else is escaped.

    math: what to make of a formula with its dollars, MathML if None; html.escape where the page typesets it.
    """
    return _Page(math or _math).render_tokens(_spans()(text, {}), BlockState())


def plain(text: str) -> str:
    """The same Markdown as text: formulas in Unicode, no stars; code keeps its backticks."""
    return "".join(map(_said, _spans()(text.strip(), {})))


class _Page(HTMLRenderer):
    """Tokens as HTML; what isn't made here is escaped."""

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
    parser.rules = ["emphasis"]  # mistune's alone, and ours
    for kind, pattern in _KEPT.items():
        parser.register(kind, pattern, _keep, before="emphasis")
    return parser


def _keep(parser: InlineParser, match: re.Match[str], state: InlineState) -> int:
    state.append_token({"type": match.lastgroup, "raw": match[0]})
    return match.end()


def _math(span: str) -> str:
    """A formula as MathML, or its source if it isn't understood; data-tex keeps it for who can do better."""
    source = span.strip("$").strip()
    try:
        shown = mathml(source, span.startswith("$$"))
    except ValueError:
        shown = f"<code>{html.escape(source)}</code>"
    return f'<span class="tex" data-tex="{html.escape(span)}">{shown}</span>'


def _said(token: dict[str, Any]) -> str:
    """A token of `_spans` as text."""
    if "children" in token:
        return "".join(map(_said, token["children"]))
    raw: str = token["raw"]
    try:
        return parsed(raw.strip("$")).text if token["type"] == "formula" else raw
    except ValueError:
        return raw
