"""The little Markdown and LaTeX in which exercises are written, as HTML with MathML and as plain text.

JupyterLab typesets what stands in cells and their outputs.  A widget's page and a text have to do without.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

_SPANS = re.compile(r"(\$\$.+?\$\$|\$[^$\n]+?\$|`[^`\n]+`)", re.S)
_BOLD = re.compile(r"\*\*([^\s*](?:[^*]*[^\s*])?)\*\*")
_EMPHASIS = re.compile(r"(?<![\w*])[*_]([^\s*_<>](?:[^*_<>]*[^\s*_<>])?)[*_](?![\w*])")


# a symbol as one types it in a sentence: x_0, ᾱ_t, σ_t², √ᾱ_t, x_{t−1}; a Latin letter needs its index
_SYMBOL = re.compile(
    r"(?<![A-Za-z0-9_\\])(√?)(?:([A-Za-z])([\u0302\u0303\u0304]?)(?=_)|([α-ω\u1fb1])([\u0302\u0303\u0304]?))"
    r"(?:_(\{[^{}$]*\}|[A-Za-z0-9θ]))?(²?)(?![\w_])"
)
_ROOT = re.compile(r"√\(([^()$]*)\)")
_HATS = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar"}


def typeset(text: str) -> str:
    """The same Markdown with the symbols that stand bare in it, as √ᾱ_t does, put into formulas."""
    spans = re.split(r"(```.*?```|\$\$.+?\$\$|\$[^$\n]+?\$|`[^`\n]+`)", text, flags=re.S)
    for i in range(0, len(spans), 2):
        bare = _ROOT.sub(lambda m: f"$\\sqrt{{{_SYMBOL.sub(_latex, m[1])}}}$", spans[i])
        parts = re.split(r"(\$[^$]*\$)", bare)
        parts[::2] = [_SYMBOL.sub(lambda m: f"${_latex(m).strip()}$", part) for part in parts[::2]]
        spans[i] = "".join(parts)
    return "".join(spans)


def _latex(symbol: re.Match[str]) -> str:
    root, latin, hat, greek, hat_too, index, square = (part or "" for part in symbol.groups())
    letter = "\\bar\\alpha" if greek == "\u1fb1" else latin or f"\\{_NAME_OF.get(greek, greek)}"
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


def inline(text: str, math: Callable[[str], str] | None = None) -> str:
    """One line as HTML: bold, emphasis, code and formulas; everything else is escaped.

    math: what to make of a formula with its dollars; html.escape where the page typesets it.
    """
    return "".join(_span(span, math or _math) for span in _SPANS.split(text))


def _math(span: str) -> str:
    """A formula as MathML, or its source if it isn't understood; data-tex keeps it for who can do better."""
    source, block = span.strip("$").strip(), span.startswith("$$")
    try:
        shown = f"<math{' display=block' * block}>{formula(source).mathml}</math>"
    except ValueError:
        shown = f"<code>{html.escape(source)}</code>"
    return f'<span class="tex" data-tex="{html.escape(span)}">{shown}</span>'


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
            return _tidy(formula(span.strip("$").strip()).text)
        except ValueError:
            return span
    if span.startswith("`"):
        return span
    return _EMPHASIS.sub(r"\1", _BOLD.sub(r"\1", span))


class Formula(NamedTuple):
    """A formula, or a part of one, as MathML and as text."""

    mathml: str
    text: str


_TOKENS = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:[.,][0-9]+)*|\S")
_NAMES = """alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau
phi varphi chi psi omega Gamma Delta Theta Lambda Pi Sigma Phi Psi Omega"""
_GREEK = dict(zip(_NAMES.split(), "αβγδϵεζηθκλμνξπρστϕφχψωΓΔΘΛΠΣΦΨΩ", strict=True))
_NAME_OF = {letter: name for name, letter in _GREEK.items()}
_OPERATORS = {
    "cdot": "·", "times": "×", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠",
    "approx": "≈", "sim": "∼", "to": "→", "mid": "∣", "|": "‖", "infty": "∞", "sum": "∑", "prod": "∏",
    "int": "∫", "ldots": "…", "dots": "…", "cdots": "⋯", "pm": "±", "propto": "∝", "in": "∈", "nabla": "∇",
    "partial": "∂", "Rightarrow": "⇒", "Leftrightarrow": "⇔", "iff": "⇔", "equiv": "≡", "ll": "≪",
    "gg": "≫", "{": "{", "}": "}", "langle": "⟨", "rangle": "⟩", "%": "%",
}  # fmt: skip
_SPACES = {
    ",": "0.17em",
    ":": "0.22em",
    ";": "0.28em",
    " ": "0.28em",
    "!": "0",
    "quad": "1em",
    "qquad": "2em",
}
_FUNCTIONS = {"log", "ln", "exp", "min", "max", "sin", "cos", "tan", "det", "lim", "arg"}
_ACCENTS = {
    "bar": ("¯", "\u0304"), "overline": ("¯", "\u0304"), "hat": ("^", "\u0302"), "widehat": ("^", "\u0302"),
    "tilde": ("~", "\u0303"), "widetilde": ("~", "\u0303"), "dot": ("˙", "\u0307"),
}  # fmt: skip
_LETTERS = {
    "mathcal": dict(zip("BDEFHILMNOQRSTUVX", "ℬ𝒟ℰℱℋℐℒℳ𝒩𝒪𝒬ℛ𝒮𝒯𝒰𝒱𝒳", strict=True)),
    "mathbb": dict(zip("EPRNZQC", "𝔼ℙℝℕℤℚℂ", strict=True)),
}
_FENCES = {"left", "right", "middle", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "Bigg"}
_UPRIGHT = {"text", "mathrm", "operatorname", "textrm"}
_ENDS = re.compile(r"([_^]([^\W_]+|\([^()]*\))|/\([^/]*\)|/\w+)$")  # an index or a fraction, and then
_BEGINS = re.compile(r"[\w√∑∏]")  # a letter: a space between them, in text
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def formula(latex: str) -> Formula:
    """LaTeX as the lessons write it, as MathML and as text.  ValueError for anything it doesn't know."""
    reader = _Reader(latex)
    whole = reader.row(None)
    if reader.next is not None:
        raise ValueError(f"{latex!r}: {reader.next} without its beginning")
    return whole


class _Reader:
    """One pass over the tokens; each method reads one thing and returns it in both shapes."""

    def __init__(self, latex: str) -> None:
        self.source, self.at, self.depth = latex, 0, 0
        self.next: str | None = None
        self.step()

    def step(self) -> str:
        """Take the next token and look one further."""
        token = self.next
        match = _TOKENS.search(self.source, self.at)
        self.next, self.at = (match[0], match.end()) if match else (None, len(self.source))
        return token or ""

    def row(self, end: str | None) -> Formula:
        """Items up to `end`, which stays."""
        self.depth += 1
        if self.depth > 40:
            raise ValueError("braces in braces in braces")
        items = []
        while self.next not in (end, "}", None):
            items.append(self.item())
        self.depth -= 1
        mathml, text = "".join(item.mathml for item in items), ""
        for item in items:
            apart = _ENDS.search(text) and _BEGINS.match(item.text)
            text += " " * bool(apart) + item.text
        return Formula(mathml if len(items) == 1 else f"<mrow>{mathml}</mrow>", text)

    def item(self) -> Formula:
        """An atom with what is above and below it."""
        base, scripts = self.atom(), {}
        while self.next in ("^", "_"):
            where = self.step()
            scripts[where] = self.argument()
        if not scripts:
            return base
        low, high = scripts.get("_"), scripts.get("^")
        kind = "".join(("sub" * (low is not None), "sup" * (high is not None)))
        if base.text in ("∑", "∏"):
            kind = {"sub": "munder", "sup": "mover", "subsup": "munderover"}[kind]
        else:
            kind = "m" + kind
        parts = "".join(part.mathml for part in (low, high) if part)
        text = base.text + ("_" + _tight(low.text) if low else "")
        if high:
            text += high.text.translate(_RAISED) if high.text.isdecimal() else "^" + _tight(high.text)
        return Formula(f"<{kind}>{base.mathml}{parts}</{kind}>", text)

    def argument(self) -> Formula:
        """One atom; of a number, as in LaTeX, its first digit alone."""
        if self.next and self.next[0].isdigit():
            self.at -= len(self.next) - 1
            self.next = self.next[0]
        return self.atom()

    def atom(self) -> Formula:
        """A letter, a number, a sign, a group or a command with its arguments."""
        token = self.step()
        if token == "{":
            inside = self.row("}")
            if self.step() != "}":
                raise ValueError("a brace is never closed")
            return inside
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[:1].isdigit():
            return Formula(f"<mn>{token}</mn>", token)
        if token.isalpha():
            return Formula(f"<mi>{token}</mi>", token)
        if not token or token in "^_}&$#":
            raise ValueError(f"{token or 'the end'} where a symbol should be")
        return _sign({"-": "−", "*": "∗", "'": "′"}.get(token, token))

    def command(self, name: str) -> Formula:
        """What a backslash begins."""
        if name in _GREEK:
            return Formula(f"<mi>{_GREEK[name]}</mi>", _GREEK[name])
        if name in _OPERATORS:
            return _sign(_OPERATORS[name])
        if name in _SPACES:
            return Formula(f"<mspace width='{_SPACES[name]}'></mspace>", "" if name == "!" else " ")
        if name in _FUNCTIONS:
            return Formula(f"<mi>{name}</mi><mspace width='0.17em'></mspace>", f"{name} ")
        if name in _FENCES:
            return Formula("", "") if self.next == "." and self.step() else self.atom()
        if name in _UPRIGHT:
            return self.upright()
        if name in ("mathbf", "boldsymbol"):
            inside = self.atom()
            return Formula(f"<mrow style='font-weight: bold'>{inside.mathml}</mrow>", inside.text)
        if name in _LETTERS:
            letter = self.atom().text
            if letter not in _LETTERS[name]:
                raise ValueError(f"no {name} {letter}")
            return Formula(f"<mi>{_LETTERS[name][letter]}</mi>", _LETTERS[name][letter])
        if name in _ACCENTS:
            return self.accent(*_ACCENTS[name])
        if name in ("frac", "tfrac", "dfrac"):
            above, below = self.argument(), self.argument()
            return Formula(
                f"<mfrac>{above.mathml}{below.mathml}</mfrac>", f"{_tight(above.text)}/{_tight(below.text)}"
            )
        if name == "sqrt" and self.next != "[":
            inside = self.argument()
            return Formula(f"<msqrt>{inside.mathml}</msqrt>", f"√{_tight(inside.text)}")
        raise ValueError(f"\\{name} is not known here")

    def upright(self) -> Formula:
        """Words between braces, with their spaces."""
        if self.next != "{":
            raise ValueError("words need braces")
        end = self.source.find("}", self.at)
        if end < 0:
            raise ValueError("a brace is never closed")
        words, self.at = self.source[self.at : end], end + 1
        self.step()
        return Formula(f"<mtext>{html.escape(words)}</mtext>", words)

    def accent(self, sign: str, combining: str) -> Formula:
        """A bar, hat or tilde over what follows."""
        base = self.atom()
        mathml = f"<mover accent='true'>{base.mathml}<mo stretchy='false'>{sign}</mo></mover>"
        return Formula(mathml, unicodedata.normalize("NFC", base.text[:1] + combining) + base.text[1:])


def _sign(sign: str) -> Formula:
    spaced = sign in "=<>≤≥≠≈∼→∣±∝∈⇒⇔≡≪≫+−"
    stretch = " stretchy='false'" if sign in "()[]{}|‖∣⟨⟩/" else ""
    text = f" {sign} " if spaced else f"{sign} " if sign in ",;" else sign
    return Formula(f"<mo{stretch}>{html.escape(sign)}</mo>", text)


def _tidy(text: str) -> str:
    """One space where there were several, and none behind a sign that stands before, not between."""
    text = re.sub(r" +", " ", text).strip()
    return re.sub(r"([=<>≤≥≈,;] |(?:^|[(\[{|/·]) ?)([−+]) ", lambda m: m[1].replace("( ", "(") + m[2], text)


def _tight(text: str) -> str:
    """Text as an argument: in parentheses unless it is one word."""
    text = re.sub(r" ([−+=]) ", r"\1", _tidy(text))
    return text if re.fullmatch(r"[^\W_]\u0304?\u0302?\u0303?(_?\w)*|\d[\d.,]*|∗|′", text) else f"({text})"
