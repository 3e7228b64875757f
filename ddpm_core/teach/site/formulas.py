"""LaTeX as the lessons write it, as MathML: browsers typeset it themselves, with no script and no network."""

import html

from ..markup import _ACCENTS, _FUNCTIONS, Formula, _Reader, _sign

_SIGNS = {
    "Vert": "‖", "lVert": "‖", "rVert": "‖", "vert": "|", "lvert": "|", "rvert": "|", "mp": "∓", "gets": "←",
    "mapsto": "↦", "longrightarrow": "⟶", "Longrightarrow": "⟹", "Leftarrow": "⇐", "uparrow": "↑",
    "downarrow": "↓", "leftrightarrow": "↔", "forall": "∀", "exists": "∃", "notin": "∉", "subset": "⊂",
    "cup": "∪", "cap": "∩", "circ": "∘", "otimes": "⊗", "oplus": "⊕", "odot": "⊙", "perp": "⊥", "star": "⋆",
    "ast": "∗", "div": "÷", "simeq": "≃", "cong": "≅", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈",
    "rceil": "⌉", "colon": ":", "vdots": "⋮", "ddots": "⋱", "iint": "∬", "oint": "∮", "prime": "′",
    "leftarrow": "←", "rightarrow": "→", "longleftarrow": "⟵", "implies": "⟹", "impliedby": "⟸",
    "Longleftarrow": "⟸", "longleftrightarrow": "⟷", "Longleftrightarrow": "⟺", "lt": "<", "gt": ">",
    "&": "&", "#": "#", "$": "$", "_": "_",
}  # fmt: skip
_CLOSING = (")", "]", "}", "|", "‖", "⟩", "′")
_SIZES = {"big": "1.2em", "Big": "1.8em", "bigg": "2.4em", "Bigg": "3em"}
_STYLES = {"displaystyle": "true", "textstyle": "false"}
_LIMITS = {"min", "max", "lim", "sup", "inf", "det"}  # what stands under them goes below, not beside
_BRACES = {"underbrace": ("munder", "_"), "overbrace": ("mover", "^")}  # a browser's own are too short
_STACKS = {"overset": "mover", "stackrel": "mover", "underset": "munder"}
_ALIGNED = {"aligned", "align", "align*", "split", "gathered", "gather*"}
_FENCED = {
    "cases": ("{", ""), "pmatrix": ("(", ")"), "bmatrix": ("[", "]"), "matrix": ("", ""), "array": ("", ""),
}  # fmt: skip
_FRACTIONS = {"tfrac": "false", "dfrac": "true"}


def mathml(latex: str, block: bool = False) -> str:
    """A formula as a `<math>` element.  ValueError for LaTeX that it doesn't know, with what that is."""
    reader = Reader(latex.strip())
    inside = reader.row(None).mathml
    if reader.next is not None:
        raise ValueError(f"{reader.next} without its beginning")
    return f"<math display='{'block' if block else 'inline'}'>{inside}</math>"


class Reader(_Reader):
    """The exercises' reader, and beyond it what whole derivations need."""

    ends: tuple[str, ...] = ()  # what ends a cell of the environment that is being read

    def row(self, end: str | None) -> Formula:
        """Items up to `end`, or to the end of a cell; either stays."""
        parts: list[Formula] = []
        self.depth += 1
        if self.depth > 40:
            raise ValueError("braces in braces in braces")
        while self.next not in (end, "}", None, *self.ends):
            before, sign = (parts[-1].mathml if parts else "<mo"), self.next in ("-", "+")
            part = self.item()
            if sign and before.startswith("<mo") and before[-6:-5] not in _CLOSING:
                part = Formula(part.mathml.replace("<mo", "<mo form='prefix'", 1), part.text)
            parts.append(part)
        self.depth -= 1
        inside = "".join(part.mathml for part in parts)
        text = "".join(part.text for part in parts)
        return Formula(inside if len(parts) == 1 else f"<mrow>{inside}</mrow>", text)

    def atom(self) -> Formula:
        """A group hides the ends of the cell around it."""
        if self.next != "{":
            return super().atom()
        outer, self.ends = self.ends, ()
        group = super().atom()
        self.ends = outer
        return group

    def command(self, name: str) -> Formula:
        """What a backslash begins."""
        if name in _SIGNS:
            return _sign(_SIGNS[name])
        if name in _FUNCTIONS | _LIMITS:
            return self.function(name)
        if name in _STYLES:
            return _wrapped(f"mstyle displaystyle='{_STYLES[name]}' scriptlevel='0'", self.row(None))
        if name in _FRACTIONS:
            style = f"mstyle displaystyle='{_FRACTIONS[name]}' scriptlevel='0'"
            return _wrapped(style, super().command("frac"))
        if name in _BRACES:
            return self.brace(*_BRACES[name])
        if name in _STACKS:
            above, base = self.argument(), self.argument()
            return Formula(f"<{_STACKS[name]}>{base.mathml}{above.mathml}</{_STACKS[name]}>", base.text)
        if name == "boxed":
            return _wrapped("mrow class='boxed'", self.argument())
        if name in ("mathrm", "operatorname") and self.next != "{":
            return _wrapped("mrow class='upright'", self.argument())
        if name in ("left", "middle", "right"):
            return self.fence("stretchy='true'")
        if (size := name.rstrip("lrm")) in _SIZES:
            return self.fence(
                f"stretchy='true' symmetric='true' minsize='{_SIZES[size]}' maxsize='{_SIZES[size]}'"
            )
        if name == "begin":
            return self.environment(super().upright().text)
        if name in _ACCENTS:
            return self.accent(*_ACCENTS[name])
        return super().command(name)

    def function(self, name: str) -> Formula:
        """log, max and their like: with their index, and a space before what they are taken of."""
        base, over = f"<mi>{name}</mi>", name in _LIMITS
        index, power = "", ""
        while self.next in ("_", "^"):
            if self.step() == "_":
                index = self.argument().mathml
            else:
                power = self.argument().mathml
        if index:
            base = f"<munder>{base}{index}</munder>" if over else f"<msub>{base}{index}</msub>"
        if power:
            base = f"<msup>{base}{power}</msup>"
        space = (
            ""
            if self.next in ("(", "[", "\\big", "\\Big", "\\left", None)
            else "<mspace width='0.17em'></mspace>"
        )
        return Formula(f"<mrow>{base}{space}</mrow>", name)

    def brace(self, kind: str, script: str) -> Formula:
        """A bracket under or over what follows, with its words."""
        inside, words = self.argument(), "<mrow></mrow>"
        if self.next == script:
            self.step()
            words = self.argument().mathml
        return _wrapped(
            kind, Formula(f"<mrow class='{kind}-brace'>{inside.mathml}</mrow>{words}", inside.text)
        )

    def fence(self, attributes: str) -> Formula:
        """A bracket that is as tall as it should be."""
        if self.next == ".":
            self.step()
            return Formula("", "")
        sign = self.atom().text.strip()
        if sign in "‖∣|" and "minsize" in attributes:
            return _sign("‖" if sign == "‖" else "|")
        return Formula(f"<mo fence='true' {attributes}>{html.escape(sign)}</mo>", sign)

    def environment(self, name: str) -> Formula:
        """A table of cells, up to its \\end."""
        if name not in _ALIGNED and name not in _FENCED:
            raise ValueError(f"\\begin{{{name}}} is not known here")
        if name == "array":
            self.atom()  # its columns' alignment
        outer, self.ends = self.ends, ("&", "\\\\", "\\end")
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(self.row(None).mathml)
            end = self.step()
            if end == "\\\\":
                rows.append([])
            elif end == "\\end":
                break
            elif end != "&":
                raise ValueError(f"\\begin{{{name}}} without its end")
        self.ends = outer
        if super().upright().text != name:
            raise ValueError(f"\\begin{{{name}}} with another's end")
        kind = "aligned" if name in _ALIGNED else "cells"
        cells = "".join(
            "<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in row) + "</mtr>" for row in rows if any(row)
        )
        opening, closing = (
            f"<mo fence='true' stretchy='true'>{sign}</mo>" * bool(sign)
            for sign in _FENCED.get(name, ("", ""))
        )
        table = f"<mtable class='{kind}'>{cells}</mtable>"
        return Formula(f"<mrow>{opening}{table}{closing}</mrow>", name)

    def upright(self) -> Formula:
        """Words, with the spaces at their ends."""
        words = super().upright()
        return Formula(words.mathml.replace(" ", "\N{NO-BREAK SPACE}"), words.text)

    def accent(self, sign: str, combining: str) -> Formula:
        """A bar, hat or tilde over what follows."""
        base = self.argument()
        return Formula(
            f"<mover accent='true'>{base.mathml}<mo stretchy='false'>{sign}</mo></mover>", base.text
        )


def _wrapped(tag: str, inside: Formula) -> Formula:
    return Formula(f"<{tag}>{inside.mathml}</{tag.split()[0]}>", inside.text)
