"""The little Markdown in which exercises are written, as HTML with MathML and as plain text.

JupyterLab typesets what stands in cells and their outputs.  A widget's page and a text have to do without.
"""

import html
import re
from collections.abc import Callable

from .latex import GREEK, formula, mathml

FORMULAS = re.compile(r"\$\$.+?\$\$|\$[^$\n]+?\$", re.S)
_SPANS = re.compile(rf"(```.*?```|{FORMULAS.pattern}|`[^`\n]+`)", re.S)
_BOLD = re.compile(r"\*\*([^\s*](?:[^*]*[^\s*])?)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])[*_]([^\s*_<>](?:[^*_<>]*[^\s*_<>])?)[*_](?![\w*])")

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
    """A little Markdown as HTML: paragraphs, lists with -, fenced code, and what `inline` knows."""
    blocks = re.split(r"(```.*?```)|\n\s*\n", typeset(text.strip()), flags=re.S)
    return "".join(_block(block) for block in blocks if block and block.strip())


def _block(block: str) -> str:
    if block.startswith("```"):
        return f"<pre>{html.escape(block.strip('`').partition(chr(10))[2].rstrip())}</pre>"
    lines = block.strip().split("\n")
    if all(line.startswith(("- ", "  ")) for line in lines):
        items = re.split(r"^- ", block.strip(), flags=re.M)[1:]
        return "<ul>" + "".join(f"<li>{inline(item.strip())}</li>" for item in items) + "</ul>"
    return f"<p>{inline(block.strip())}</p>"


def _math(span: str) -> str:
    """A formula as MathML, or its source if it isn't understood; data-tex keeps it for who can do better."""
    source = span.strip("$").strip()
    try:
        shown = mathml(source, span.startswith("$$"))
    except ValueError:
        shown = f"<code>{html.escape(source)}</code>"
    return f'<span class="tex" data-tex="{html.escape(span)}">{shown}</span>'


def inline(text: str, math: Callable[[str], str] = _math) -> str:
    """One line as HTML: bold, emphasis, code and formulas; everything else is escaped.

    math: what to make of a formula with its dollars; html.escape where the page typesets it.
    """
    return "".join(_span(span, math) for span in _SPANS.split(text))


def _span(span: str, math: Callable[[str], str]) -> str:
    if len(span) > 2 and span[0] == span[-1] == "$":
        return math(span)
    if len(span) > 2 and span[0] == span[-1] == "`":
        return f"<code>{html.escape(span[1:-1])}</code>"
    return _EMPHASIS.sub(r"<em>\1</em>", _BOLD.sub(r"<strong>\1</strong>", html.escape(span)))


def plain(text: str) -> str:
    """The same Markdown as text: formulas in Unicode, no stars; code keeps its backticks."""
    return "".join(_plain_span(span) for span in _SPANS.split(text.strip()))


def _plain_span(span: str) -> str:
    if len(span) > 2 and span[0] == span[-1] == "$":
        try:
            return formula(span.strip("$")).text
        except ValueError:
            return span
    if span.startswith("`"):
        return span
    return _EMPHASIS.sub(r"\1", _BOLD.sub(r"\1", span))
