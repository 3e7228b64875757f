"""The simple Markdown of exercises and the LaTeX of all lessons, as HTML, as MathML and as text."""

import html
import re
import time
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from fontTools.ttLib import TTFont
from oracles import well_nested

from ddpm_core.teach.bank import bank
from ddpm_core.teach.maths.faults import FAULTS, REFUTED
from ddpm_core.teach.maths.proofs import PROOFS
from ddpm_core.teach.site import HERE
from ddpm_core.teach.text.latex import mathml, parsed
from ddpm_core.teach.text.markup import FORMULAS, inline, markup, plain

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


# Markdown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("a\nb\n\nc", "<p>a\nb</p>\n<p>c</p>\n"),
        ("**bold**, *em*, _em_", "<strong>bold</strong>, <em>em</em>, <em>em</em>"),
        ("2*3*4, 2**3, snake_case_name, a * b", "<p>2*3*4, 2**3, snake_case_name, a * b</p>"),
        ("**of $x^*$ and `y*`**", "<strong>of <span"),
        ("- one\n- two `x`", "<ul>\n<li>one</li>\n<li>two <code>x</code></li>\n</ul>"),
        ("```python\nx < 1\n```", "<pre>x &lt; 1</pre>"),
        ("<script>alert(1)</script> &", "<p>&lt;script&gt;alert(1)&lt;/script&gt; &amp;</p>"),
        ("- a\n<div onclick=x>", "<p>&lt;div onclick=x&gt;</p>"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("<http://a.b> ![c](d)", "<p>&lt;http://a.b&gt; ![c](d)</p>"),
        ("# a\n\n> b\n\n    c", "<p># a</p>\n<p>&gt; b</p>\n<p>c</p>"),
        ("`<b>`", "<code>&lt;b&gt;</code>"),
        ("costs $5", "<p>costs $5</p>"),
        (r"$\unknown{<b>}$", r"<code>\unknown{&lt;b&gt;}</code>"),
        ('$"><img onerror=x>$', 'data-tex="$&quot;&gt;&lt;img onerror=x&gt;$"'),
        ("$$x$$", "<math display='block'>"),
        (r"$\log_2 x$", "<msub><mi>log</mi><mn>2</mn></msub>"),
    ],
)
def test_markup(source, shown):
    assert shown in markup(source)
    assert well_nested(markup(source))


def test_where_the_page_typesets_formulas_stay_as_they_are():
    assert inline("**a** $x < 1$", html.escape) == "<strong>a</strong> $x &lt; 1$"


def test_code_stays_as_it_is_in_text():
    assert plain("**a** `b_c*d*`\n\n```\n*x*\n\n$y^2$\n```") == "a `b_c*d*`\n\n```\n*x*\n\n$y^2$\n```"


def test_long_and_odd_texts_take_no_time():
    start = time.thread_time()
    for text in ("*", "$", "`", "_a", "**a", "- \n", "*a _b ", "```\n", "[a](", "- x\n  "):
        text *= 20_000 // len(text)
        assert well_nested(markup(text))
        plain(text)
    assert time.thread_time() - start < 5


# one formula


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (
            r"x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon",
            "x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε",
        ),
        (r"\mathrm{SNR}(t) = \bar\alpha_t / (1 - \bar\alpha_t)", "SNR(t) = ᾱ_t/(1 − ᾱ_t)"),
        (
            r"\tilde\beta_t = \frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\beta_t",
            "β̃_t = (1−ᾱ_(t−1))/(1−ᾱ_t) β_t",
        ),
        (r"q(x_{t-1}\mid x_t, x_0)", "q(x_(t−1) ∣ x_t, x_0)"),
        (r"\sum_{t=2}^T L_{t-1}", "∑_(t=2)^T L_(t−1)"),
        (r"-x^2 + 10^{-4}", "−x² + 10^(−4)"),
        (r"[-1, 1] - \,a = -\,b \to \pm c", "[−1, 1] − a = −b → ±c"),
        (r"\|\varepsilon-\varepsilon_\theta\|^2", "‖ε − ε_θ‖²"),
        (r"\left(\tfrac12\right)", "(1/2)"),
        (r"\Big(a + b\Big)^2 - {a + b}^2", "(a + b)² − (a + b)²"),
        (r"\frac{a}{b}^2 - \frac12^k + {\frac{a+b}{c}}_t", "(a/b)² − (1/2)^k + ((a+b)/c)_t"),
        (r"\sqrt{x}^2 - \sqrt{1-x}^2 + {\left(\tfrac12\right)}^2", "(√x)² − (√(1−x))² + (1/2)²"),
        (r"\mathbb E_q[x] \le 1", "𝔼_q[x] ≤ 1"),
        (r"\text{two words} \operatorname{Var}", "two wordsVar"),
        (r"f'(x) < 0", "f′(x) < 0"),
        (r"\log_2 x + \ln(1-u) + \max_\theta L", "log_2 x + ln(1 − u) + max_θ L"),
        (r"a \overset{\text{def}}{=} \underbrace{b + c}_d", "a =^def (b + c)_d"),
        (r"\begin{aligned} a &= b \\ &- c \end{aligned}", "a = b\n − c"),
        (r"\begin{cases} -a & b \\ c & d \end{cases}", "{−a b; c d"),
    ],
)
def test_a_formula_as_text(latex, text):
    assert plain(f"${latex}$") == text


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\log_2 x", "<mrow><msub><mi>log</mi><mn>2</mn></msub><mspace width='0.17em'></mspace></mrow>"),
        (r"a\log(x)", "<mi>a</mi><mspace width='0.17em'></mspace><mi>log</mi><mo stretchy='false'>("),
        (r"a\log x", "<mi>a</mi><mspace width='0.17em'></mspace><mrow><mi>log</mi><mspace"),
        (r"\min_\theta L", "<munder><mi>min</mi><mi>θ</mi></munder>"),
        (r"\sum_t^T", "<munderover><mo>∑</mo><mi>t</mi><mi>T</mi></munderover>"),
        (r"\sigma_t^2", "<msubsup><mi>σ</mi><mi>t</mi><mn>2</mn></msubsup>"),
        (r"a = -b", "<mo>=</mo><mo form='prefix'>−</mo>"),
        (r"(a) - b", "<mo stretchy='false'>)</mo><mo form='infix'>−</mo>"),
        (r"\hat a - b", "</mover><mo form='infix'>−</mo>"),
        (r"a + \dots + b", "…</mo><mo form='infix'>+</mo>"),
        (r"\begin{aligned} & - b \end{aligned}", "<mtd><mrow><mo form='infix'>−</mo>"),
        (r"\text{of }x", "<mtext>of\N{NO-BREAK SPACE}</mtext>"),
        (r"\mathrm dx", "<mtext>d</mtext><mi>x</mi>"),
        (r"\begin{cases} a & b \\ c \end{cases}", "<mtr><mtd><mi>a</mi></mtd><mtd><mi>b</mi></mtd></mtr>"),
        (r"\tfrac12", "scriptlevel='0'><mfrac><mn>1</mn><mn>2</mn></mfrac></mstyle>"),
        (r"\underbrace{a}_b", "<munder><mrow class='underbrace'><mi>a</mi></mrow><mi>b</mi></munder>"),
        (r"\overset{a}{-}", "<mover><mo form='prefix'>−</mo><mi>a</mi></mover>"),
        (r"\cancel{a}_b", "<msub><mrow class='cancel'><mi>a</mi></mrow><mi>b</mi></msub>"),
        (r"\textcolor{crimson}{a}", "<mrow mathcolor='crimson'><mi>a</mi></mrow>"),
        (r"\Big(", "<mo fence='true' stretchy='true' symmetric='true' minsize='1.8em' maxsize='1.8em'>("),
        (
            r"a \left( x \right. b",
            "<mi>a</mi><mrow><mo fence='true' stretchy='true'>(</mo><mi>x</mi></mrow><mi>b</mi>",
        ),
    ],
)
def test_a_formula_as_mathml(latex, expected):
    assert expected in mathml(latex)


@pytest.mark.parametrize(
    "latex",
    [
        r"\foo", "x^", "{", "}", "x_", r"\frac{1}", r"\frac{1", r"\text", r"\text{a", "a & b", "a}", "a~b",
        r"\begin{x}", r"\begin{aligned} a", r"\begin{tikz} a \end{tikz}", r"\begin{cases} a \end{aligned}",
        "x^2^3", "x_a_b", r"\operatorname{arg\,min}", r"\sqrt[3]{x}", r"\textcolor{#a00}{x}",
        r"\left( a", r"\left( a & )", r"a \right)", r"\left( a } \right)", "{" * 9999, r"\bar" * 9999 + " a",
    ],
    ids=lambda latex: latex[:30],
)  # fmt: skip
def test_a_formula_that_is_not_understood_is_shown_as_it_is_written(latex):
    with pytest.raises(ValueError, match=r"."):
        parsed(latex)
    assert latex in plain(f"${latex}$")
    assert "<math" not in markup(f"${latex}$")


# every formula


def texts(e):
    """All texts of an exercise."""
    said = [e.title, e.prompt, e.right, e.worked, *e.hints, *(m.message for m in e.mistakes)]
    return [*said, *getattr(e, "options", {}).values(), *getattr(e, "rubric", ())]


def cells(path):
    """The Markdown of a notebook's cells and outputs."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            yield cell.source
        for output in cell.get("outputs", []):
            yield output.get("data", {}).get("text/markdown", "")


def found(texts):
    spans = [span for text in texts for span in FORMULAS.findall(re.sub(r"`[^`\n]+`", "", text))]
    return sorted({span.strip("$").strip() for span in spans})


EVERY = {
    "exercises": found(text for e in bank.values() for text in texts(e)),
    "lessons": found(text for path in NOTEBOOKS for text in cells(path)),
    "proofs": [proof.says for proof in [*PROOFS.values(), *REFUTED.values()]],
    "errata": [latex for fault in FAULTS.values() for latex in (fault.printed, fault.right)],
}
TWO, THREE = {"mfrac", "msub", "msup", "munder", "mover"}, {"msubsup", "munderover"}
LEAVES = {"mi", "mn", "mo", "mtext", "mspace"}


def letters(text):
    return sorted(c for c in unicodedata.normalize("NFKD", text) if c.isascii() and c.isalnum())  # û has a u


NAMES = "log|ln|exp|min|cos|sin|tanh"  # of functions; the letters of a reason beside a formula may hold one


def written(latex, without="$^"):
    """The letters and digits of a formula that aren't part of a command, nor of what is `without`."""
    rest = re.sub(r"\\(begin|end|textcolor)\{[^}]*\}|\\[A-Za-z]+|\\.", " ", latex)
    return letters(re.sub(without, "", rest))


def shown(math):
    """The letters and digits shown by MathML, without the names of functions."""
    return letters("".join(n.text for n in math.iter() if n.text and (n.tag != "mi" or len(n.text) == 1)))


@pytest.mark.parametrize("where", EVERY)
def test_every_formula_is_typeset_and_loses_no_letter(where):
    font = TTFont(HERE / "stix-two-math.woff").getBestCmap()
    assert len(EVERY[where]) > 20
    for latex in EVERY[where]:
        math = ElementTree.fromstring(mathml(latex))
        for node in math.iter():
            least, most = (2, 2) if node.tag in TWO else (3, 3) if node.tag in THREE else (0, 99)
            assert least <= len(node) <= most * (node.tag not in LEAVES), (latex, node.tag)
            assert node.tag == "mtext" or {ord(c) for c in node.text or ""} <= font.keys(), (latex, node.text)
        assert shown(math) == written(latex), latex


@pytest.mark.parametrize("where", EVERY)
def test_every_formula_reads_well_as_text(where):
    for latex in EVERY[where]:
        text = parsed(latex).text
        assert not re.search(r"\\|  |^ | $|[(\[{] | [)\]}]| _|\^$", text), (latex, text)
        rest = letters(re.sub(NAMES, "", unicodedata.normalize("NFKD", text)))
        assert rest == written(latex, NAMES), (latex, text)
