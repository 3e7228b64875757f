"""Converts the lessons' LaTeX to MathML, which browsers typeset without a script, and to plain text."""

import html
import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple


class Formula(NamedTuple):
    """A formula, or a part of one."""

    mathml: str
    text: str  # in Unicode
    over: bool = False  # whether scripts go above and below it instead of beside it


_TOKENS = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:[.,][0-9]+)*|\S")
_ROW_ENDS = {"}", "&", "\\\\", "\\end", "\\right", None}
_NAMES = """alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau
phi varphi chi psi omega Gamma Delta Theta Lambda Pi Sigma Phi Psi Omega"""
GREEK = dict(zip(_NAMES.split(), "αβγδϵεζηθκλμνξπρστϕφχψωΓΔΘΛΠΣΦΨΩ", strict=True))
_SIGNS = {
    "cdot": "·", "times": "×", "div": "÷", "ast": "∗", "star": "⋆", "circ": "∘", "otimes": "⊗", "oplus": "⊕",
    "odot": "⊙", "pm": "±", "mp": "∓", "cup": "∪", "cap": "∩", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ne": "≠", "neq": "≠", "lt": "<", "gt": ">", "ll": "≪", "gg": "≫", "approx": "≈", "sim": "∼",
    "simeq": "≃", "cong": "≅", "equiv": "≡", "propto": "∝", "mid": "∣", "perp": "⊥", "in": "∈", "notin": "∉",
    "subset": "⊂", "to": "→", "rightarrow": "→", "gets": "←", "leftarrow": "←", "leftrightarrow": "↔",
    "mapsto": "↦", "longrightarrow": "⟶", "longleftarrow": "⟵", "longleftrightarrow": "⟷", "uparrow": "↑",
    "downarrow": "↓", "Rightarrow": "⇒", "Leftarrow": "⇐", "Leftrightarrow": "⇔", "iff": "⇔", "implies": "⟹",
    "impliedby": "⟸", "Longrightarrow": "⟹", "Longleftarrow": "⟸", "Longleftrightarrow": "⟺", "forall": "∀",
    "exists": "∃", "infty": "∞", "nabla": "∇", "partial": "∂", "prime": "′", "sum": "∑", "prod": "∏",
    "int": "∫", "iint": "∬", "oint": "∮", "ldots": "…", "dots": "…", "cdots": "⋯", "vdots": "⋮", "ddots": "⋱",
    "colon": ":", "vert": "|", "lvert": "|", "rvert": "|", "|": "‖", "Vert": "‖", "lVert": "‖", "rVert": "‖",
    "{": "{", "}": "}", "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈",
    "rceil": "⌉", "%": "%", "&": "&", "#": "#", "$": "$", "_": "_",
}  # fmt: skip
_TYPED = {"-": "−", "*": "∗", "'": "′"}
_RELATIONS = set("=<>≤≥≠≪≫≈∼≃≅≡∝∣⊥∈∉⊂→←↔↦⟶⟵⟷⇒⇐⇔⟹⟸⟺")
_BINARY = set("+−±∓")  # after an opening bracket or another operator it is a unary sign
_OPENING = _RELATIONS | _BINARY | set("([{⟨⌊⌈,;:·×÷∗/")
_SPACES = {
    ",": "0.17em", ":": "0.22em", ";": "0.28em", " ": "0.28em", "!": "0", "quad": "1em", "qquad": "2em",
}  # fmt: skip
_THIN = f"<mspace width='{_SPACES[',']}'></mspace>"
_LIMITS = {"min", "max", "lim", "sup", "inf", "det"}
_FUNCTIONS = _LIMITS | {"log", "ln", "exp", "sin", "cos", "tan", "tanh", "arg"}
_BRACKET = re.compile(r"[(\[]|\\(left|[bB]igg?[lrm]?)$")  # no space between a function's name and this
_ACCENTS = {
    "bar": ("¯", "\u0304"), "overline": ("¯", "\u0304"), "hat": ("^", "\u0302"), "widehat": ("^", "\u0302"),
    "tilde": ("~", "\u0303"), "widetilde": ("~", "\u0303"), "dot": ("˙", "\u0307"),
}  # fmt: skip
_LETTERS = {
    "mathcal": dict(zip("BDEFHILMNOQRSTUVX", "ℬ𝒟ℰℱℋℐℒℳ𝒩𝒪𝒬ℛ𝒮𝒯𝒰𝒱𝒳", strict=True)),
    "mathbb": dict(zip("EPRNZQC", "𝔼ℙℝℕℤℚℂ", strict=True)),
}
_UPRIGHT = {"text", "mathrm", "operatorname", "textrm"}
_BOLD = {"mathbf", "boldsymbol"}
_STYLES = {"displaystyle": "true", "textstyle": "false"}
_FRACTIONS = {"tfrac": "textstyle", "dfrac": "displaystyle"}
_FRAMES = {
    "boxed",
    "underbrace",
    "overbrace",
    "cancel",
}  # drawn with CSS, because browsers' own braces are too short
_STACKS = {"overset": "^", "stackrel": "^", "underset": "_"}
_SIZES = {"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}
_ALIGNED = {"aligned", "align", "align*", "split", "gathered", "gather*"}
_FENCED = {
    "cases": ("{", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "matrix": ("", ""), "array": ("", ""),
}  # fmt: skip
_INDEX = re.compile(r"([_^]([^\W_]+|\([^()]*\))|/\([^/]*\)|/\w+)$")  # ends in an index or a fraction
_COMPOUND = re.compile(r"^√|.[ /].")  # several parts: an index would seem to belong to the last one
_BRACKETED = re.compile(r"[(\[{][^()\[\]{}]*[)\]}]")
_WORD = re.compile(r"[\w√∑∏]")  # in text, a space separates such a character from an index before it
_DEEP = re.compile("[βγζημξρφϕχψfgjpqy][\u0300-\u036f]?")  # a letter below the line, alone or accented
_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def mathml(latex: str, block: bool = False) -> str:
    """A formula as a `<math>` element.  ValueError, which names the command, for LaTeX it doesn't know."""
    display = "block" if block else "inline"
    return f"<math display='{display}'>{parsed(latex).mathml}</math>"


def parsed(latex: str) -> Formula:
    """A formula as MathML and as text.  ValueError, which names the command, for LaTeX it doesn't know."""
    reader = _Reader(latex)
    try:
        whole = reader.row()
    except RecursionError:
        raise ValueError("braces in braces in braces") from None
    if reader.next is not None:
        raise ValueError(f"{reader.next} without its beginning")
    return whole


class _Reader:
    """A parser in one pass over the tokens; each method reads one construct and returns it in both forms."""

    def __init__(self, latex: str) -> None:
        self.source, self.at = latex, 0
        self.next: str | None = None
        self.step()

    def step(self) -> str:
        """Take the next token, and look ahead by one."""
        token = self.next
        match = _TOKENS.search(self.source, self.at)
        self.next, self.at = (match[0], match.end()) if match else (None, len(self.source))
        return token or ""

    def row(self, before: str = "(") -> Formula:
        """Items up to a token that ends a row, which isn't taken.  before: the item before the first."""
        parts, text = [], ""
        while self.next not in _ROW_ENDS:
            mathml, item, _ = self.item()
            head = re.split("[_^]", item)[0].strip()
            if head in _FUNCTIONS and before not in _OPENING:
                mathml = _THIN + mathml
            elif head in _BINARY:
                form = "prefix" if before in _OPENING else "infix"
                mathml = mathml.replace("<mo>", f"<mo form='{form}'>", 1)
            if head in _RELATIONS or (head in _BINARY and before not in _OPENING):
                item = f" {item} "
            elif head in (",", ";"):
                item += " "
            elif _INDEX.search(text) and _WORD.match(item):
                text += " "
            parts.append(mathml)
            text += item.lstrip() if text[-1:] in "+−±∓([{" else item
            before = head or before
        inside = "".join(parts)
        text = re.sub(r" +(?=[ )\]}])", "", text).strip()
        return Formula(inside if len(parts) == 1 else f"<mrow>{inside}</mrow>", text)

    def item(self) -> Formula:
        """An atom with its scripts; after the name of a function, a space."""
        base, scripts = self.atom(), {}
        while self.next in ("_", "^"):
            if (at := self.step()) in scripts:
                raise ValueError(f"a second {at} at the same place; put braces around what the first is of")
            scripts[at] = self.argument()
        whole = _scripted(base, scripts)
        if base.text not in _FUNCTIONS or self.next is None or _BRACKET.match(self.next):
            return whole
        return Formula(f"<mrow>{whole.mathml}{_THIN}</mrow>", f"{whole.text} ")

    def argument(self) -> Formula:
        """The argument of a command: one atom, or, as in LaTeX, only the first digit of a number."""
        if self.next and self.next[0].isdigit():
            self.at -= len(self.next) - 1
            self.next = self.next[0]
        return self.atom()

    def atom(self) -> Formula:
        """A letter, a number, a sign, a group in braces, or a command with its arguments."""
        token = self.step()
        if token == "{":
            inside = self.row()
            if self.step() != "}":
                raise ValueError("a brace is never closed")
            return inside
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[:1].isdigit():
            return Formula(f"<mn>{token}</mn>", token)
        if token.isalpha():
            return Formula(f"<mi>{token}</mi>", token)
        if not token or token in "^_}&$#~":
            raise ValueError(f"{token or 'the end'} where a symbol should be")
        return _sign(_TYPED.get(token, token))

    def command(self, name: str) -> Formula:
        """The command of that name, with its arguments."""
        if name in GREEK:
            return Formula(f"<mi>{GREEK[name]}</mi>", GREEK[name])
        if name in _SIGNS:
            return _sign(_SIGNS[name])
        if name in _SPACES:
            return Formula(f"<mspace width='{_SPACES[name]}'></mspace>", "" if name == "!" else " ")
        if name in _FUNCTIONS:
            return Formula(f"<mi>{name}</mi>", name, over=name in _LIMITS)
        if name in _UPRIGHT:
            words = self.words()
            return Formula(f"<mtext>{html.escape(words)}</mtext>".replace(" ", "\N{NO-BREAK SPACE}"), words)
        if name in _BOLD:
            return _wrapped("mrow style='font-weight: bold'", self.argument())
        if name in _LETTERS:
            letter = self.argument().text
            if letter not in _LETTERS[name]:
                raise ValueError(f"no {name} {letter}")
            return Formula(f"<mi>{_LETTERS[name][letter]}</mi>", _LETTERS[name][letter])
        if name in _ACCENTS:
            return self.accent(*_ACCENTS[name])
        if name == "frac":
            above, below = self.argument(), self.argument()
            text = f"{_tight(above.text)}/{_tight(below.text)}"
            return Formula(f"<mfrac>{above.mathml}{below.mathml}</mfrac>", text)
        if name in _FRACTIONS:
            return _styled(_FRACTIONS[name], self.command("frac"))
        if name == "sqrt" and self.next != "[":
            inside = self.argument()
            return Formula(f"<msqrt>{inside.mathml}</msqrt>", f"√{_tight(inside.text)}")
        if name in _STYLES:
            return _styled(name, self.row())
        if name in _FRAMES:
            return _wrapped(f"mrow class='{name}'", self.argument())._replace(over=name != "cancel")
        if name == "textcolor":
            return self.coloured(self.words())
        if name in _STACKS:
            return self.stacked(_STACKS[name])
        if name == "left":
            return self.fenced()
        if name == "middle" or name.rstrip("lrm") in _SIZES:
            return self.fence(_SIZES.get(name.rstrip("lrm"), ""))
        if name == "begin":
            return self.environment(self.words())
        raise ValueError("\\sqrt takes no index here" if name == "sqrt" else f"\\{name} is not known here")

    def stacked(self, at: str) -> Formula:
        """The second argument with the first above it, for "^", or below it, for "_"."""
        script, base = self.argument(), self.argument()
        return _scripted(base._replace(over=True), {at: script})

    def coloured(self, colour: str) -> Formula:
        """The next argument in a colour that CSS has a name for."""
        if not re.fullmatch("[a-z]+", colour):
            raise ValueError(f"{colour} is not the name of a colour")
        return _wrapped(f"mrow mathcolor='{colour}'", self.argument())

    def words(self) -> str:
        """The text between braces, with its spaces; without braces, one letter."""
        if self.next != "{":
            if not self.next or not self.next.isalpha():
                raise ValueError("words need braces")
            return self.step()
        end = self.source.find("}", self.at)
        if end < 0:
            raise ValueError("a brace is never closed")
        words, self.at = self.source[self.at : end], end + 1
        if "\\" in words:
            raise ValueError(f"{words}: words hold no commands")
        self.step()
        return words

    def accent(self, sign: str, combining: str) -> Formula:
        """The next argument under a bar, hat or tilde."""
        base = self.argument()
        mathml = f"<mover accent='true'>{base.mathml}<mo stretchy='false'>{sign}</mo></mover>"
        return Formula(mathml, unicodedata.normalize("NFC", base.text[:1] + combining) + base.text[1:])

    def fence(self, size: str = "") -> Formula:
        """A bracket of that size, or as tall as its contents; a dot stands for no bracket."""
        if self.next == ".":
            self.step()
            return Formula("", "")
        return _fence(self.atom().text, size)

    def fenced(self) -> Formula:
        """The row from \\left to \\right with its two brackets."""
        opening, inside, end = self.fence(), self.row(), self.step()
        if end != "\\right":
            raise ValueError("\\left without its \\right")
        return _joined(opening, inside, self.fence())

    def environment(self, name: str) -> Formula:
        """An environment as a table of cells, up to its \\end."""
        if name not in _ALIGNED and name not in _FENCED:
            raise ValueError(f"\\begin{{{name}}} is not known here")
        if name == "array":
            self.atom()  # its columns' alignment
        rows, end = [[self.row()]], self.step()
        while end in ("&", "\\\\"):
            if end == "&":
                rows[-1].append(self.row("" if name in _ALIGNED else "("))
            else:
                rows.append([self.row()])
            end = self.step()
        if end != "\\end" or self.words() != name:
            raise ValueError(f"\\begin{{{name}}} without its end")
        rows = [row for row in rows if any(cell.text for cell in row)]
        cells = ("".join(f"<mtd>{cell.mathml}</mtd>" for cell in row) for row in rows)
        table = "".join(f"<mtr>{row}</mtr>" for row in cells)
        kind, between = ("aligned", "\n") if name in _ALIGNED else (name, "; ")
        text = between.join(" ".join(cell.text for cell in row) for row in rows)
        opening, closing = map(_fence, _FENCED.get(name, ("", "")))
        return _joined(opening, Formula(f"<mtable class='{kind}'>{table}</mtable>", text), closing)


def _joined(*parts: Formula) -> Formula:
    mathml = "".join(part.mathml for part in parts)
    return Formula(f"<mrow>{mathml}</mrow>", "".join(part.text for part in parts))


def _wrapped(tag: str, inside: Formula) -> Formula:
    return Formula(f"<{tag}>{inside.mathml}</{tag.split()[0]}>", inside.text)


def _styled(style: str, inside: Formula) -> Formula:
    return _wrapped(f"mstyle displaystyle='{_STYLES[style]}' scriptlevel='0'", inside)


def _sign(sign: str) -> Formula:
    if sign == "∞":
        return Formula("<mi>∞</mi>", sign)
    still = " stretchy='false'" * (sign in "()[]{}|‖∣⟨⟩⌊⌋⌈⌉/")
    close = " lspace='0.12em' rspace='0.12em'" * (sign in "…⋯")
    return Formula(f"<mo{still}{close}>{html.escape(sign)}</mo>", sign, over=sign in "∑∏")


def _fence(sign: str, size: str = "") -> Formula:
    sized = f" symmetric='true' minsize='{size}' maxsize='{size}'" if size else ""
    mathml = f"<mo fence='true' stretchy='true'{sized}>{html.escape(sign)}</mo>"
    return Formula(mathml if sign else "", sign)


def _scripted(base: Formula, scripts: Mapping[str, Formula]) -> Formula:
    if not scripts:
        return base
    tag, inside = "m", base.mathml
    if "_" in scripts and _DEEP.fullmatch(unicodedata.normalize("NFD", base.text)):
        inside = (
            f"<mpadded depth='0'>{inside}</mpadded>"  # as in TeX: an index stands equally low at x and at β
        )
    text = (
        f"({base.text})" if _COMPOUND.search(base.text) and not _BRACKETED.fullmatch(base.text) else base.text
    )
    for at, name in zip("_^", ("under", "over") if base.over else ("sub", "sup"), strict=True):
        if script := scripts.get(at):
            raised = at == "^" and script.text.isdecimal()
            tag, inside = tag + name, inside + script.mathml
            text += script.text.translate(_RAISED) if raised else at + _tight(script.text)
    return Formula(f"<{tag}>{inside}</{tag}>", text)


def _tight(text: str) -> str:
    """Text as an argument, in parentheses unless it is a single word or number."""
    text = re.sub(r" ([−+=]) ", r"\1", text)
    return text if re.fullmatch(r"[^\W_][\u0300-\u036f]?(_?\w)*|\d[\d.,]*|∗|′", text) else f"({text})"
