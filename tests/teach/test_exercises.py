"""Every exercise: verdicts on blank answers, right ones, each mistake, garbage, and recorded data."""

import contextlib
import dataclasses
import gc
import io
import itertools
import json
import math
import os
import random
import re
import sys
import threading
import time

import numpy as np
import pytest
import sympy as sp
import torch

from ddpm_core.process import q_sample
from ddpm_core.teach import course_map, exercise, lesson_mark
from ddpm_core.teach.bank import bank
from ddpm_core.teach.judge import (
    Choice,
    Function,
    Mistake,
    Number,
    Outcome,
    Prose,
    Symbolic,
    Verdict,
    clock,
    grammar,
    tree as tree_of,
)
from ddpm_core.teach.judge.tree import Name, Num, Power, Product, Sum
from ddpm_core.teach.progress.file import load_entries, note
from ddpm_core.teach.text.markup import plain

PASSED, NOT_YET, NOT_ATTEMPTED = Outcome.PASSED, Outcome.NOT_YET, Outcome.NOT_ATTEMPTED

each = pytest.mark.parametrize("e", bank.values(), ids=list(bank))
each_quick = pytest.mark.parametrize(  # functions are judged by running them: they take seconds
    "e",
    [pytest.param(e, marks=[pytest.mark.slow] * isinstance(e, Function)) for e in bank.values()],
    ids=list(bank),
)
each_function = pytest.mark.parametrize("e", [e for e in bank.values() if isinstance(e, Function)], ids=str)
SYMBOLIC = [e for e in bank.values() if isinstance(e, Symbolic)]


def judged(e, answer, marks=None):
    """The verdict, after asserting everything that must hold for any verdict."""
    start = time.process_time()
    verdict = e.judge(answer, marks)
    assert time.process_time() - start < 2
    assert isinstance(verdict, Verdict)
    assert verdict.message.strip()
    assert verdict == e.judge(answer, marks)
    data = json.loads(json.dumps(e.record(answer, marks), allow_nan=False))
    assert e.recheck(data) == verdict
    return verdict


# --- every exercise ---------------------------------------------------------------------------------


@each
def test_it_is_complete(e):
    assert e.kind in ("number", "choice", "function", "symbolic", "prose")
    assert e.key == next(k for k, v in bank.items() if v.permanent == e.permanent)
    assert all(s.strip() for s in (e.title, e.prompt, e.worked, e.right, *e.hints))
    assert e.hints, "at least one hint"
    assert e.mistakes, "at least one likely mistake"
    names = [m.name for m in e.mistakes]
    assert len(set(names)) == len(names)
    text = " ".join([e.prompt, e.worked, e.right, *e.hints, *(m.message for m in e.mistakes)])
    assert "!" not in text.replace("!=", "")
    assert text.count("$") % 2 == 0


@each
def test_the_blank_is_no_attempt(e):
    assert judged(e, ...).outcome is NOT_ATTEMPTED


@each_quick
def test_right_answers_pass_in_every_form(e):
    assert len(e.references) >= 4
    for answer in e.references:
        verdict = judged(e, answer)
        assert verdict.outcome is PASSED, (answer, verdict.message)


@each_quick
def test_each_mistake_gets_its_own_message(e):
    for mistake in e.mistakes:
        verdict = judged(e, mistake.example)
        assert verdict.outcome is NOT_YET, mistake.name
        assert mistake.message in verdict.message, (mistake.name, verdict.message)
        others = [m for m in e.mistakes if m is not mistake and m.message in verdict.message]
        assert not others, (mistake.name, others)


@pytest.mark.slow
@each
def test_a_mistake_is_met_with_a_number(e):
    """Messages about formulas and functions get numbers automatically; most others contain one."""
    if e.kind in ("symbolic", "function"):
        for mistake in e.mistakes:
            message = judged(e, mistake.example).message
            assert "expected" in message, (mistake.name, message)
            shown = re.search(r"(\S+?),? expected (\S+?)[.,]?(\s|$)", message)
            assert shown, message
            assert shown[1] != shown[2], "the two numbers must differ, or they show nothing"
    else:
        with_number = [m for m in e.mistakes if any(c.isdigit() for c in m.message)]
        assert len(with_number) >= len(e.mistakes) - 1, "all messages but one should hold a number"


class Hostile:
    """An object whose every method raises."""

    def refuse(self, *args, **kwargs):
        raise RuntimeError("no")

    __eq__ = __ne__ = __repr__ = __str__ = __float__ = __len__ = __bool__ = __iter__ = refuse
    __hash__ = None

    def __getattr__(self, name):
        raise RuntimeError("no")


class HostileText(str):
    def strip(self, *args):
        raise RuntimeError("no")

    __eq__ = __len__ = __repr__ = __str__ = strip
    __hash__ = str.__hash__


class SlowNumber(float):
    def __float__(self):
        time.sleep(60)

    __repr__ = __eq__ = __float__
    __hash__ = float.__hash__


class FalseSympy:
    __module__ = "sympy.core"
    args = property(lambda self: time.sleep(60))


GARBAGE = {
    "None": None,
    "bool": True,
    "nan": math.nan,
    "inf": -math.inf,
    "huge": 10**5000,
    "complex": 3 + 4j,
    "text": "I really do not know what to say to this.",
    "empty": "",
    "nonsense": "§$%&",
    "code": "__import__('os').system('true')",
    "tower": "9**9**9**9",
    "long": "x_0 + " * 10_000 + "x_0",
    "deep": "(" * 10_000,
    "list": [1, [2, [3]]],
    "self": bank,
    "type": int,
    "tensor": torch.ones(3, 3),
    "array": np.array(["a", None], dtype=object),
    "hostile": Hostile(),
    "hostile text": HostileText("x_0"),
    "slow": SlowNumber(1),
    "false sympy": FalseSympy(),
    "sympy": sp.Symbol("unknown") ** sp.Symbol("x_0"),
    "sympy huge": sp.Integer(7) ** 20_000,
    "print": print,
    "lambda": lambda *args: "garbage",
    "raises": lambda *args: 1 / 0,
    "exits": lambda *args: exit(3),
    "wrong arguments": lambda a, b, c, d, e, f, g: a,
}


@pytest.mark.slow
@each
def test_garbage_is_not_yet_and_nothing_raises(e):
    for name, thing in GARBAGE.items():
        start = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            verdict = e.judge(thing)
        assert time.process_time() - start < 2.1, name
        assert verdict.outcome is (NOT_ATTEMPTED if name == "empty" and e.kind != "function" else NOT_YET), (
            name
        )
        assert verdict.message.strip(), name


DATA = [0, -1.5, "", "x", [], {}, [[]], {"text": 1}, {"outputs": 3}, {"outputs": [[["a"]]]}, {"fault": {}}]
DATA += [{"text": "a b c d e f", "marks": {}}, {"unreadable": [1]}, {"outputs": [[[1e999]]] * 4}, True]
DATA += [{"outputs": [[1] * 100_000]}, "(" * 99_999, "9^" * 40 + "9", {"text": ["a"], "marks": [True]}]


@pytest.mark.slow
@each
def test_hostile_records_are_judged_and_never_pass(e):
    for data in DATA:
        start = time.process_time()
        assert e.recheck(data).outcome is not PASSED, data
        assert time.process_time() - start < 1


@each
def test_hints_tell_more_and_the_solution_shows(e, capsys, monkeypatch):
    monkeypatch.setattr(e, "_told", 0)
    for i, hint in enumerate(e.hints, 1):
        e.hint()
        assert capsys.readouterr().out == f"Hint {i} of {len(e.hints)}. {plain(hint)}\n"
    e.hint()
    assert plain(e.hints[-1]) in capsys.readouterr().out
    e.solution()
    assert plain(e.worked) in capsys.readouterr().out


@each
def test_it_shows_its_prompt(e):
    shown = e._repr_markdown_()
    assert e.prompt in shown
    assert all(text in shown for text in getattr(e, "options", {}).values())


@each
def test_check_shows_the_verdict_and_notes_it(e, capsys, monkeypatch):
    notes = []
    monkeypatch.setattr(e, "note", lambda *args: notes.append(args))
    monkeypatch.setattr(e, "tally", None)  # which a quiz sets
    verdict = e.check(e.references[0])
    assert capsys.readouterr().out == f"✓ Passed. {plain(verdict.message)}\n"
    ((id, outcome, data),) = notes
    assert (id, outcome) == (e.key, "PASSED")
    assert e.recheck(json.loads(json.dumps(data))) == verdict


def test_in_a_notebook_a_verdict_is_shown_once_as_text_and_as_markdown(monkeypatch, tmp_path):
    """With its mark and an edge in its colour, as in the quiz, and how far the lesson is done."""
    from IPython.core.formatters import DisplayFormatter

    shown = []
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setattr("IPython.get_ipython", lambda: object())
    monkeypatch.setattr("IPython.display.display", lambda bundle, raw: shown.append(bundle))
    count = sum(key.startswith("02.") and not e.optional for key, e in bank.items())
    for answer, head, edge, done in ((0.81, "◐ Not yet", "double", 0), (0.9, "✓ Passed", "solid", 1)):
        verdict = exercise("02.1").check(answer)
        bundle = shown.pop()
        tally = f"{done} of {count} in this lesson"
        assert not shown
        assert bundle["text/plain"] == f"{head}. {plain(verdict.message)} ({tally})"
        assert f"**{head}**\n\n{verdict.message}\n\n<small>{tally}</small>" in bundle["text/markdown"]
        assert bundle["text/markdown"].startswith(f'<div style="border-left: 4px {edge} var(--jp-')
    assert DisplayFormatter().format(verdict) == ({}, {})
    exercise("02.1").check(...)
    assert shown.pop()["text/markdown"].startswith("**Not attempted.** Nothing here")


def test_a_lesson_s_mark_counts_what_it_needs_and_tells_what_is_open(monkeypatch, tmp_path):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    ids = [e.id for e in bank.values() if e.id.startswith("00.")]
    assert lesson_mark("00").line == f"0 of {len(ids)} in this lesson"
    first = exercise("00.clean-picture")
    first.check(first.references[0])
    assert lesson_mark("00").line == f"1 of {len(ids)} in this lesson"
    assert lesson_mark("00").left == ids[1:]
    assert repr(lesson_mark("00")).startswith("✓ ○")
    with pytest.raises(ValueError, match=r"no lesson '77'.*00, 01"):
        lesson_mark("77")


@pytest.mark.slow
def test_an_optional_exercise_doesn_t_count_towards_the_lesson(monkeypatch, tmp_path):
    from ddpm_core.teach.bank import lesson

    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    words, name = lesson("00").words, next(iter(lesson("00").words))
    monkeypatch.setitem(words, name, {**words[name], "optional": True})
    count = len(words) - 1
    assert lesson_mark("00").line == f"0 of {count} in this lesson"
    note(f"00.{name}", "PASSED", 7)
    assert lesson_mark("00").line == f"0 of {count} in this lesson, and 1 optional"
    for key in bank:
        note(key, "PASSED", None)
    assert lesson_mark("00").line == f"{count} of {count} in this lesson, and 1 optional: all done"
    assert not lesson_mark("00").left


def test_a_verdict_stands_where_it_cannot_be_kept(capsys, monkeypatch):
    def broken(*_):
        raise RuntimeError("who knows")

    monkeypatch.setattr(bank["02.1"], "note", broken)
    assert bank["02.1"].check(0.9).outcome is PASSED
    assert "Progress. This check couldn't be kept: RuntimeError: `who knows`." in capsys.readouterr().out


def test_an_exercise_of_the_course_keeps_its_checks(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    exercise("02.1").check(0.81)
    exercise("02.1").check(0.9)
    assert load_entries()["02.shrink-factor"].attempts == 2
    assert load_entries()["02.shrink-factor"].outcome == "PASSED"
    assert repr(course_map()).startswith("1 of ")


def test_an_unknown_id_is_told_its_neighbours():
    with pytest.raises(ValueError, match=r"'99\.9'.*near it are"):
        exercise("99.9")
    with pytest.raises(ValueError, match=r"02\.1\b"):
        exercise("2.1")
    with pytest.raises(ValueError, match="no exercise"):
        exercise(None)
    assert exercise("02.4") is bank["02.4"]


def test_the_bank_covers_the_course():
    ids = {(int(e.id[:2]), int(e.id[3:])) for e in bank.values()}
    for lesson, least in {0: 5, 1: 10, 2: 10, 3: 14, 4: 12, 5: 12, 6: 10, 7: 10}.items():
        numbers = sorted(n for le, n in ids if le == lesson)
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= least
    assert {e.kind for i, e in bank.items() if i.startswith("00.")} == {
        "number",
        "choice",
        "function",
        "symbolic",
        "prose",
    }


# --- numbers, choices, prose ------------------------------------------------------------------------


def test_a_title_that_asks_ends_with_its_question_mark():
    shown = {e.id: e._repr_markdown_() for e in bank.values() if isinstance(e, Number)}
    many = bank["01.latent-numbers"]
    assert shown[many.id].startswith(f"**{many.id} · How many latent numbers?** The")
    assert all(re.match(r"\*\*[^*]*[^.?][.?]\*\* ", text) for text in shown.values())


NUMBER = Number(id="t", title="t", prompt="p", worked="w", answer=0.25, unit="nats", rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("e", [e for e in bank.values() if isinstance(e, Number) and e.rel], ids=str)
def test_three_digits_are_enough_for_an_answer_and_for_a_mistake(e):
    short = float(f"{e.answer:.3g}")
    if len(f"{short:g}".lstrip("-0.").replace(".", "").rstrip("0")) == 3:
        assert judged(e, short).outcome is PASSED
        assert short > 1000 or judged(e, f"{short:g}".replace(".", ",")).outcome is PASSED
    for mistake in e.mistakes:
        verdict = judged(e, float(f"{float(mistake.example):.3g}"))
        assert verdict.outcome is NOT_YET, mistake.name


def test_right_options_are_spread_over_the_letters():
    right = [e.answer for e in bank.values() if isinstance(e, Choice)]
    assert max(right.count(letter) for letter in "abcd") <= len(right) / 3


@pytest.mark.parametrize(
    "text",
    [
        "0.25",
        ".25",
        "1/4",
        "2^-2",
        "sqrt(1/16)",
        "0,25",
        "0,250",
        "25e-2",
        "0.25  # of them",
        "0.25 nats",
        "0.25 nat",
        "1/4 nats",
    ],
)
def test_a_number_may_be_typed_in_many_ways(text):
    assert judged(NUMBER, text).outcome is PASSED


def test_a_whole_number_nearly_right_is_not_asked_for_digits():
    message = judged(dataclasses.replace(NUMBER, answer=1000.0), 1001.5).message
    assert "Count once more" in message
    assert "digits" not in message


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (-0.25, "sign"),
        (0.0625, "square"),
        (0.5, "doubled"),
        (4, "the whole stands upside down"),
        (0.75, "subtracted from 1"),
        (25, "in percent"),
        (0.251, "close"),
        (0, "not 0"),
        (2.6, "10.4 times too large"),
        (-7, "wrong sign"),
        ("0.25 bits", "in nats"),
        ("25%", "in nats"),
        ("0.25 x_0", "symbol"),
        ("abar/4", "symbol"),
        ("nan", "finite"),
        (math.inf, "finite"),
        ("1/0", "finite"),
        (torch.ones(2), "shape"),
        (lambda: 1, "call it"),
    ],
)
def test_a_wrong_number_is_told_how_it_is_wrong(answer, word):
    verdict = judged(NUMBER, answer)
    assert verdict.outcome is NOT_YET
    assert word in verdict.message


def test_a_share_may_be_typed_in_percent_and_a_unit_in_other_words():
    assert judged(bank["06.2"], "52.53 %").outcome is PASSED
    assert judged(bank["01.11"], "1.984 bits per dimension").outcome is PASSED
    assert judged(bank["05.6"], "4000 times").outcome is PASSED
    assert judged(bank["05.6"], "4000 pass").outcome is PASSED
    assert "in passes" in judged(bank["05.6"], "4000 bits").message


def test_a_wrong_digit_and_a_wrong_term_are_told_apart():
    assert "near, but a term or a factor differs" in judged(NUMBER, 0.26).message
    assert "Keep five digits" in judged(dataclasses.replace(NUMBER, answer=0.2538), 0.2533).message
    assert "give three digits" in judged(dataclasses.replace(NUMBER, answer=0.2538), 0.25).message


def test_a_long_gap_takes_no_time():
    for e in (NUMBER, bank["02.3"]):
        start = time.process_time()
        e.judge("1" + " " * 19_990 + "!")
        e.judge("bar" + " " * 90_000 + "x")
        assert time.process_time() - start < 2


def test_thousands_may_be_separated():
    for text in ("3,072,000", "3 072 000", "3_072_000", "3072e3", "3072000 numbers"):
        assert judged(bank["01.4"], text).outcome is PASSED
    for text in ("99,108", "99 108", "99108,03", "99,108.03", "99108 values"):
        assert judged(bank["02.15"], text).outcome is PASSED
    for text in ("0,825", "+0,825", "0.825"):
        assert judged(bank["07.2"], text).outcome is PASSED


def test_what_is_quoted_keeps_its_signs():
    def fails(x0, eps, t):
        raise ValueError("bad *x* at x_t, $5 or $6")

    for e, answer, sign in (
        (NUMBER, "(2/*)", "2/*)"),
        (NUMBER, "5 $x$ 6", "$x$"),
        (bank["02.3"], "x_0 + q_7_", "q_7_"),
        (bank["02.4"], fails, "bad *x* at x_t, $5 or $6"),
        (bank["00.2"], "**all** of $a$", "**all** of $a$"),
    ):
        message = judged(e, answer).message
        assert sign in plain(message)
        assert re.search(f"`[^`]*{re.escape(sign)}[^`]*`", message), message


def test_prose_is_marked_by_its_author():
    e = next(e for e in bank.values() if isinstance(e, Prose) and len(e.rubric) == 4)
    text = e.models[0]
    assert all(point in judged(e, text).message for point in e.rubric)
    assert judged(e, text).head == "Your turn"
    assert judged(e, text, [True] * 4).outcome is PASSED
    partly = judged(e, text, [True, False, True, True])
    assert partly.outcome is NOT_YET
    assert e.rubric[1] in partly.message
    assert e.rubric[0] not in partly.message
    for marks in ([True] * 3, [True] * 5, [], "all", [2, 1, 1, 1], 7, [[True]] * 4, Hostile()):
        assert judged(e, text, marks).outcome is NOT_YET
    assert judged(e, "yes.", [True] * 4).outcome is NOT_YET
    assert judged(e, "   ", [True] * 4).outcome is NOT_ATTEMPTED


SAID = {
    "00.5": ["I know some of it, by no means everything."],
    "01.20": [
        "A DDPM does not learn to add noise.",
        "It learns to add back, step by step, the detail that the noise has destroyed.",
        "Unlike a VAE, which learns the encoder too, it has a fixed one.",
        "It can't recover the original picture.",
    ],
    "02.21": [
        "With many steps alone one is not safe.",
        "It isn’t exactly N(0, I), and never exactly noise.",
        "It would be wrong to say that each step only adds noise.",
        "It would be exactly N(0, I) only if abar_T were 0.",
    ],
    "03.4": [
        "Given x_{t-1}, x_t is independent of x_0, ..., x_{t-2}, since each step draws fresh noise.",
        "Then x_t is independent of x_0 if x_{t-1} is known.",
        "Markov: knowing x_{t-1} makes x_t independent of x_0.",
        "Given the previous state all the states are independent of earlier ones.",
        "This does not mean that all the x_t are independent; only the noises are.",
        "Nothing here is an approximation.",
    ],
    "04.16": [
        "The noise can't be known exactly from x_t, only its mean can.",
        "Predicting the noise is exactly the same regression up to a weight.",
        "It is not the same objective as the ELBO, since the weights are dropped.",
        "L_simple isn't equivalent to the ELBO.",
        "With its weights kept, the loss on the noise is equivalent to the ELBO; L_simple drops them.",
        "The target is exactly the noise that was drawn, with variance 1 at every t.",
        "The network is trained on the exact noise that made x_t.",
        "It is not needed for conditional generation.",
    ],
    "05.19": [
        "A step doesn't just remove noise: it also adds fresh noise sigma z.",
        "The step only takes away part of the noise, and then adds fresh noise.",
        "A step does not remove all the noise at once.",
        "The reverse step isn't the exact inverse.",
        "The network does not know the noise that was added.",
        "The step only removes part of the noise. Then fresh noise sigma z is added.",
        "A step just removes a small part of the noise. It then puts fresh noise sigma z back.",
        "x_t is a shrunk picture plus noise which was added in the forward process.",
    ],
    "06.11": [
        "It is not that the bound is loose.",
        "It can't be true that likelihood and looks are one thing.",
    ],
    "07.17": [
        "A scan that looks real is not therefore right.",
        "A model can't be trained without data.",
    ],
    "08.19": [
        "The lines of the pairs are straight, but the flow's own paths bend.",
        "After a reflow one step is enough; before it, one step ends at the mean of the data.",
        "The walk draws no fresh noise, though every state holds some.",
    ],
    "09.15": [
        "It is not true that nothing is lost: thin lines are gone.",
        "Latents are not sharper than pixels, they only let more be learned in the same time.",
    ],
    "09.25": [
        "The set isn't neutral: eight faces in ten are yellow.",
        "Not every picture is new, so the licences have to be named.",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("e", [e for e in bank.values() if isinstance(e, Prose)], ids=str)
def test_who_denies_a_mistake_has_not_made_it(e):
    for text in [*SAID[e.id], *e.models]:
        message = judged(e, text + " So much for that.").message
        assert not [m.name for m in e.mistakes if m.message in message], text


def test_a_mistake_is_named_though_its_author_marks_it_right():
    e = bank["04.1"]
    verdict = judged(e, "It is better because the exact noise can be predicted.", [True] * 4)
    assert verdict.outcome is PASSED
    assert e.mistake("exact noise").message in verdict.message


# --- formulas ---------------------------------------------------------------------------------------

BINDINGS = {
    "beta": ["1 - alpha", "(1 - alpha*abar_prev/abar_prev)"],
    "alpha": ["1 - beta", "abar/abar_prev"],
    "abar": ["alpha*abar_prev", "(1-beta)*abar_prev"],
    "abar_prev": ["abar/alpha", "abar/(1-beta)"],
}


def positions(tree):
    """Every position in a tree, as a path of child indices."""
    yield ()
    for i, child in enumerate(children(tree)):
        for rest in positions(child):
            yield (i, *rest)


def children(tree):
    match tree:
        case Sum(parts) | Product(parts):
            return [p for _, p in parts]
        case Power(base, exponent):
            return [base, exponent]
        case tree_of.Call(_, argument):
            return [argument]
    return []


def rebuilt(tree, kids):
    match tree:
        case Sum(parts) | Product(parts):
            return type(tree)(tuple((s, k) for (s, _), k in zip(parts, kids, strict=True)))
        case Power():
            return Power(*kids)
        case tree_of.Call(function, _):
            return tree_of.Call(function, kids[0])
    return tree


def changed(tree, path, change):
    """The tree with `change` applied to the subtree at a position."""
    if not path:
        return change(tree)
    kids = list(children(tree))
    kids[path[0]] = changed(kids[path[0]], path[1:], change)
    return rebuilt(tree, kids)


def rewriting(dice, given):
    """A random change of a subtree that preserves its value."""
    bound = [
        n for n in BINDINGS if n in given and all(m in given for m in ("alpha", "beta", "abar", "abar_prev"))
    ]
    some = grammar.parse(
        dice.choice(["abar", "abar_s + 2", "3", "1 + abar"] if "abar" in given else ["2", "x_9"][:1])
    )
    some = some if tree_of.names(some) <= set(given) else Num(2.0)

    def rename(node):
        if isinstance(node, Name) and node.name in bound:
            return grammar.parse(dice.choice(BINDINGS[node.name]))
        return node

    def reorder(node):
        if isinstance(node, Sum | Product):
            return type(node)(tuple(dice.sample(list(children_pairs(node)), len(children(node)))))
        return node

    def expand(node):
        match node:
            case Product(factors):
                for i, (sign, factor) in enumerate(factors):
                    if sign > 0 and isinstance(factor, Sum):
                        rest = factors[:i] + factors[i + 1 :]
                        return Sum(tuple((s, Product(((1, term), *rest))) for s, term in factor.terms))
        return node

    def split_root(node):
        match node:
            case tree_of.Call("sqrt", argument):
                return dice.choice([Power(argument, Num(0.5)), Product(((1, argument), (-1, node)))])
        return node

    def split_log(node):
        match node:
            case tree_of.Call("log", argument):
                return Product(((-1, Num(2.0)), (1, tree_of.Call("log", Power(argument, Num(2.0))))))
        return node

    keep = [
        lambda node: Product(((1, node), (1, some), (-1, some))),
        lambda node: Sum(((1, some), (1, node), (-1, some))),
        lambda node: Sum(((-1, Sum(((-1, node),))),)),
        lambda node: Product(((1, Sum(((1, node), (1, node)))), (-1, Num(2.0)))),
        lambda node: Product(((-1, Product(((-1, node),))),)),
        lambda node: Sum(
            ((1, Product(((1, Num(0.25)), (1, node)))), (1, Product(((1, Num(0.75)), (1, node)))))
        ),
    ]
    return dice.choice(
        [rename, rename, rename, reorder, reorder, expand, expand, split_root, split_log, *keep]
    )


def children_pairs(node):
    return node.terms if isinstance(node, Sum) else node.factors


def perturbation(dice, given):
    """A random change of a subtree that mostly changes its value."""

    def scale(node):
        return Product(((1, Num(dice.choice([2.0, 0.5, 1.01, 3.0]))), (1, node)))

    def swap(node):
        return Name(dice.choice(sorted(given))) if isinstance(node, Name) else node

    def root(node):
        match node:
            case tree_of.Call(_, argument):
                return argument
        return node

    def flip(node):
        if isinstance(node, Sum | Product):
            pairs = list(children_pairs(node))
            i = dice.randrange(len(pairs))
            pairs[i] = (-pairs[i][0], pairs[i][1])
            return type(node)(tuple(pairs))
        return node

    def drop(node):
        if isinstance(node, Sum | Product) and len(pairs := list(children_pairs(node))) > 1:
            pairs.pop(dice.randrange(len(pairs)))
            return type(node)(tuple(pairs))
        return node

    return dice.choice([scale, swap, swap, root, root, flip, flip, drop])


def exact(tree, given):
    """Values at other random points than the checker's, to decide independently whether two trees differ."""
    dice = random.Random(7)
    return [tree_of.evaluate(tree, point(dice, given)) for _ in range(8)]


def point(dice, given):
    v = {name: dice.uniform(-2, 2) for name in ("x_t", "x_0", "eps", "z", "mu", "x_prev")}
    v |= {name: dice.uniform(0.3, 1.7) for name in given if name[0] in "pq"}
    v |= {"sigma": dice.uniform(0.1, 1), "alpha": dice.uniform(0.1, 0.9), "abar_prev": dice.uniform(0.1, 0.9)}
    v["abar"], v["beta"] = v["alpha"] * v["abar_prev"], 1 - v["alpha"]
    v["beta_tilde"] = v["beta"] * (1 - v["abar_prev"]) / (1 - v["abar"])
    v["abar_s"] = v["abar"] + dice.uniform(0.1, 0.9) * (1 - v["abar"])
    return v


@pytest.mark.slow
def test_random_rewritings_pass():
    dice, done = random.Random(1), 0
    while done < 700:
        e = SYMBOLIC[done % len(SYMBOLIC)]
        reference = tree = grammar.parse(dice.choice([r for r in e.references if isinstance(r, str)]))
        for _ in range(dice.randint(1, 6)):
            place = dice.choice(list(positions(tree)))
            tree = changed(tree, place, rewriting(dice, e.given))
        if not np.allclose(exact(tree, e.given), exact(reference, e.given), rtol=1e-9):
            raise AssertionError(("the rewriter is wrong", tree_of.unparse(reference), tree_of.unparse(tree)))
        verdict = e.judge(tree_of.unparse(tree))
        assert verdict.outcome is PASSED, (e.id, tree_of.unparse(tree), verdict.message)
        done += 1


@pytest.mark.slow
def test_random_perturbations_never_pass_and_are_told_something():
    dice, done, named = random.Random(2), 0, 0
    while done < 700:
        e = SYMBOLIC[done % len(SYMBOLIC)]
        tree = grammar.parse(dice.choice([r for r in e.references if isinstance(r, str)]))
        right = exact(tree, e.given)
        for _ in range(dice.choice([1, 1, 1, 2])):
            tree = changed(tree, dice.choice(list(positions(tree))), perturbation(dice, e.given))
        if np.allclose(exact(tree, e.given), right, rtol=1e-6):
            continue
        verdict = e.judge(tree_of.unparse(tree))
        assert verdict.outcome is NOT_YET, (e.id, tree_of.unparse(tree))
        assert len(verdict.message) > 20
        assert any(c.isdigit() for c in verdict.message), verdict.message
        named += any(m.message in verdict.message for m in e.mistakes)
        done += 1
    assert named > 30


@pytest.mark.parametrize(
    ("id", "text", "word"),
    [
        ("02.3", "-(sqrt(abar)*x_0 + sqrt(1-abar)*eps)", "sign"),
        ("02.3", "2*sqrt(abar)*x_0 + 2*sqrt(1-abar)*eps", "the whole is doubled"),
        ("02.3", "sqrt(abar_prev)*x_0 + sqrt(1-abar_prev)*eps", "off by one"),
        ("02.3", "sqrt(abar)*x_0 + 0.5*sqrt(1-abar)*eps", "the factor 0.5 is too many"),
        ("02.3", "sqrt(abar)*x_t", "x_t is not among"),
        ("02.3", "sqrt(abar_t)*x_0 + sqrt(1-abar_t)*epsilonn", "don't know the name"),
        ("02.3", "sqrt(abar*x_0", "never closed"),
        ("02.3", "sqrt(abar)*x_0 + ", "ends too early"),
        ("02.3", "x_0/0", "no finite value"),
        ("02.9", "(1 - abar/abar_s)^2", "square"),
        ("03.3", "(sqrt(alpha)*(1-abar_t-1)*x_t + sqrt(abar_t-1)*beta*x_0)/(1-abar)", "abar_t minus 1"),
        ("03.6", "beta*(1-abar)/(1-abar)*1", "variance of the step"),
        ("02.10", "sqrt(abar/(1-abar))", "amplitudes"),
    ],
)
def test_a_wrong_formula_is_told_how_it_is_wrong(id, text, word):
    verdict = judged(bank[id], text)
    assert verdict.outcome is NOT_YET
    assert word in plain(verdict.message), verdict.message


def test_sympy_expressions_are_read():
    a, abar, x_t, eps = sp.symbols(r"alpha \bar{\alpha}_t x_t epsilon", positive=True)
    right = (x_t - (1 - a) / sp.sqrt(1 - abar) * eps) / sp.sqrt(a)
    for form in (right, sp.expand(right), sp.together(right), sp.factor(right), sp.simplify(right)):
        assert judged(bank["04.9"], form).outcome is PASSED
    wrong = right * sp.sqrt(a / abar)
    assert "prefactor is 1/√ᾱ_t" in plain(judged(bank["04.9"], wrong).message)


def test_the_lessons_own_symbols_are_read():
    from ddpm_core.process import posterior
    from ddpm_core.teach.maths import symbols as sy

    mean = (sy.xt - sy.beta / sy.t.noise * sy.eps) / sp.sqrt(sy.alpha)
    assert judged(bank["04.9"], mean).outcome is PASSED
    assert judged(bank["05.11"], posterior(0, 0, sy.s, sy.t).var).outcome is PASSED
    assert judged(bank["07.3"], -sp.Function("eps")(sy.xt) / sy.t.noise).outcome is PASSED


@pytest.mark.parametrize(
    ("id", "text"),
    [
        ("02.3", "√ᾱx₀ + √(1−ᾱ)ε"),
        ("03.10", "½(ᾱx₀² − ᾱ − ln(1−ᾱ))"),
        ("01.7", "½(μ²+σ²−1−log σ²)"),
        ("01.7", r"\tfrac12(\mu^2 + \sigma^2 - 1 - \log \sigma^2)"),
        ("03.9", "log q(x_2|x_3,x_0)q(x_3|x_0)/q(x_2|x_0)"),
        ("03.11", "(beta_tilde/beta - 1 - log beta_tilde/beta)/2"),
        ("06.5", "-log p(x_2)p(x_1|x_2)p(x_0|x_1) + log q(x_1|x_0)q(x_2|x_1)"),
        (
            "01.14",
            "log p(x_2) + log p(x_1|x_2) + log p(x_0|x_1) - log q_φ(x_2|x_0) - log q_φ(x_1|x_2,x_0)",
        ),
        ("02.12", r"$1 + 3\bar\alpha_t$"),
        ("02.12", "Var(x_t) = 1 + 3*abar"),
        ("02.16", "I(x_0; x_t) = -np.log(1 - abar)/2  # nats"),
        ("00.3", "ᾱ_(t−1)*(1-β)"),
    ],
)
def test_formulas_are_read_as_they_are_written_on_paper(id, text):
    verdict = judged(bank[id], text)
    assert verdict.outcome is PASSED, verdict.message


def test_ten_thousand_terms_are_judged_in_time():
    term = "sqrt(abar)*x_0/10000"
    long = " + ".join([term] * 10_000).replace("sqrt(abar)", "a")  # shortened
    start = time.process_time()
    assert judged(bank["02.3"], long).outcome is NOT_YET
    many = "sqrt(abar)*x_0 + sqrt(1-abar)*eps" + "+beta-beta" * 5000
    assert bank["02.3"].judge(many).outcome is PASSED
    assert time.process_time() - start < 6


# --- functions --------------------------------------------------------------------------------------


@each_function
def test_the_reference_is_the_library_s_and_the_solution_its_source(e, capsys):
    assert e.reference.__module__.startswith("ddpm_core.")
    assert ".teach" not in e.reference.__module__
    e.solution()
    assert f"def {e.reference.__name__}(" in capsys.readouterr().out


@pytest.mark.slow
@each_function
def test_stubs_are_no_attempt(e):
    def dots(*args): ...

    def passing(*args):
        pass

    def documented(*args):
        """What it should do."""

    def returning(*args):
        return ...

    def later(*args):
        raise NotImplementedError

    for stub in (dots, passing, documented, returning, later):
        assert judged(e, stub).outcome is NOT_ATTEMPTED


def right(x0, eps, t):
    return t.signal * x0 + t.noise * eps


def in_place(x0, eps, t):
    x0 *= t.signal
    return x0 + t.noise * eps


def in_place_level(x0, eps, t):
    if isinstance(t.signal, torch.Tensor):
        t.signal.mul_(1.0)
        out = t.signal * x0 + t.noise * eps
        t.signal.zero_()
        return out
    return right(x0, eps, t)


def forever(x0, eps, t):
    while True:
        pass


def no_return(x0, eps, t):
    t.signal * x0 + t.noise * eps


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "word"),
    [
        (in_place, "changes its input x0"),
        (in_place_level, "changes its input t"),
        (forever, "longer than"),
        (lambda x0, eps, t: time.sleep(60), "longer than"),
        (no_return, "`return` missing"),
        (lambda x0, eps, t: right(x0, eps, t).sum(), "shape ()"),
        (lambda x0, eps, t: right(x0, eps, t).float(), "torch.float32"),
        (lambda x0, eps, t: right(x0, eps, t)[None], "shape (1, 1, 1)"),
        (lambda x0, eps, t: right(x0, eps, t).numpy(), "A tensor is expected"),
        (lambda x0, eps, t: x0, "expected"),
        (lambda x0, eps, t: 2 * right(x0, eps, t), "the whole is doubled"),
        (lambda x0, eps, t: -right(x0, eps, t), "sign"),
        (lambda x0, eps, t: right(x0, eps, t) * math.nan, "NaN or infinity"),
        (lambda x0, eps, t: right(x0, eps, t) * (-1 + 0j) ** 0.5, "root of something negative"),
        (lambda x0, eps, t: x0[5], "IndexError"),
        (lambda x0: x0, "TypeError"),
        (lambda x0, eps, t: t.signal * x0 + torch.sqrt(1 - t.signal**2) * eps, "write x**0.5"),
        (lambda x0, eps, t: t.signal.sum() * x0 if len(x0) > 1 else 1 / 0 * x0, "ZeroDivisionError"),
        (lambda x0, eps, t: 1.0001 * right(x0, eps, t), "Right to three digits or more"),
        (lambda x0, eps, t: t.sigma * x0, "x0 (1, 1), eps (1, 1), t Level of two numbers"),
        (lambda x0, eps, t: exit(), "SystemExit"),
        (
            q_sample(torch.ones(1, 1), torch.ones(1, 1), *[type("L", (), {"signal": 1.0, "noise": 0.0})]),
            "a tensor",
        ),
    ],
)
def test_a_wrong_function_is_told_how_it_is_wrong(function, word):
    verdict = judged(bank["02.4"], function)
    assert verdict.outcome is NOT_YET
    assert word in verdict.message, verdict.message


@pytest.mark.alone
def test_a_function_that_swallows_everything_is_left_behind():
    over = threading.Event()

    def stubborn(x0, eps, t):
        while not over.is_set():
            with contextlib.suppress(BaseException):
                time.sleep(0.01)

    start = time.perf_counter()
    assert "longer than" in bank["02.4"].judge(stubborn).message
    assert time.perf_counter() - start < 2
    over.set()


copied = pytest.mark.skipif(
    sys.platform != "linux" or torch.cuda.is_available(),
    reason="a process can be copied safely on Linux only, and without CUDA",
)


@pytest.mark.slow
@copied
@pytest.mark.parametrize(
    "function",
    [
        lambda x0, eps, t: 9**9**9**9,
        lambda x0, eps, t: sum(range(10**12)),
        lambda x0, eps, t: max(iter(int, 1)),
    ],
)
def test_a_call_that_no_thread_could_stop_is_not_begun(function):
    assert "longer than" in judged(bank["02.4"], function).message


@copied
def test_what_happens_in_the_copy_is_no_verdict():
    here = os.getpid()

    def waits(x0, eps, t):
        if os.getpid() != here:
            time.sleep(60)
        return right(x0, eps, t)

    def fails(x0, eps, t):
        assert os.getpid() == here
        return right(x0, eps, t)

    assert bank["02.4"].judge(waits).outcome is PASSED
    assert bank["02.4"].judge(fails).outcome is PASSED


def test_without_a_copy_a_function_is_judged_all_the_same(monkeypatch):
    def full():
        raise OSError("no room")

    monkeypatch.setattr("os.fork", full, raising=False)
    assert judged(bank["02.4"], right).outcome is PASSED


def test_a_closure_and_what_it_changes_stay_the_student_s():
    seen = []

    def curious(x0, eps, t):
        seen.append(x0.shape)
        return right(x0, eps, t)

    assert bank["02.4"].judge(curious).outcome is PASSED
    assert len(seen) == len(bank["02.4"].cases)


def test_noise_of_its_own_is_seen_whatever_numbers_come_out():
    """The mistake's own message is only for noise drawn again for the target."""
    anew = bank["04.11"].mistake("noise drawn anew")
    for drawn in (
        lambda denoiser, x0, t, eps: torch.randn(len(x0), dtype=x0.dtype) ** 2,
        lambda denoiser, x0, t, eps: denoiser.loss(x0, t, torch.randn_like(x0)),
        lambda denoiser, x0, t, eps: denoiser.loss(x0, torch.randint(1, 1001, t.shape), eps),
    ):
        message = judged(bank["04.11"], drawn).message
        assert "random numbers of its own" in message
        assert anew.message not in message
    assert anew.message in judged(bank["04.11"], anew.example).message
    verdict = judged(bank["02.4"], lambda x0, eps, t: right(x0, torch.randn_like(eps), t))
    assert "random numbers of its own" in verdict.message


def test_random_numbers_are_left_as_they_were():
    def noisy(x0, eps, t):
        torch.manual_seed(3)
        torch.randn(3)
        return right(x0, eps, t)

    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    assert bank["02.4"].judge(noisy).outcome is PASSED
    assert torch.equal(torch.rand(3), expected)


def test_what_went_wrong_before_it_failed_is_told():
    def late(x0, eps, t):
        return -right(x0, eps, t) if len(x0) == 1 else x0[9]

    message = judged(bank["02.4"], late).message
    assert "sign" in message
    assert "IndexError" not in message


def test_a_variance_may_have_the_shape_of_its_mean():
    def wide(x0, xt, s, t):
        mean, var = bank["03.8"].reference(x0, xt, s, t)
        return mean, var * torch.ones_like(mean)

    assert judged(bank["03.8"], wide).outcome is PASSED
    off = judged(bank["03.8"], lambda *given: (wide(*given)[0], wide(*given)[1].cumsum(1))).message
    assert "result 2 of 2" in off
    single = judged(bank["03.8"], lambda *given: (wide(*given)[0], wide(*given)[1].float())).message
    assert "result 2 of 2 is torch.float32" in single


def test_a_record_keeps_source_and_outputs_and_runs_nothing():
    data = bank["02.4"].record(right)
    assert "def right" in data["source"]
    assert set(data) == {"source", "outputs"}
    data["source"] = "import os; os._exit(1)"
    assert bank["02.4"].recheck(data).outcome is PASSED
    data["outputs"][2][0][1][1] += 1e-3
    assert "[1, 1]" in bank["02.4"].recheck(data).message


on_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no NVIDIA GPU: functions run on the CPU only"
)


@on_gpu
@each_function
def test_right_functions_are_right_on_the_gpu_too(e):
    for answer in e.references:
        verdict = judged(e, answer)
        assert verdict.outcome is PASSED, (answer, verdict.message)


@on_gpu
@pytest.mark.parametrize(
    ("function", "word"),
    [
        (lambda x0, eps, t: right(x0, eps, t).cpu(), "is on the cpu"),
        (lambda x0, eps, t: right(x0, eps, t) + x0.is_cuda, "other numbers than on the CPU"),
        (lambda x0, eps, t: right(x0, eps, t) + torch.zeros(x0.shape, dtype=x0.dtype), "on the GPU"),
    ],
)
def test_what_goes_wrong_on_the_gpu_only_is_told(function, word):
    verdict = judged(bank["02.4"], function)
    assert verdict.outcome is NOT_YET
    assert word in verdict.message, verdict.message


# --- what an author may not do ----------------------------------------------------------------------


def test_a_choice_must_speak_of_every_wrong_option():
    with pytest.raises(AssertionError):
        Choice(
            id="t",
            title="",
            prompt="",
            worked="",
            options={"a": "", "b": "", "c": ""},
            answer="a",
            why={"b": ""},
        )


def test_mistakes_are_found_by_name():
    assert bank["02.3"].mistake("lost root").example == "sqrt(abar)*x_0 + (1-abar)*eps"
    assert isinstance(bank["02.3"].mistakes[0], Mistake)


def test_what_computes_on_a_busy_machine_has_its_seconds_of_a_processor(monkeypatch):
    """A thread that gets a third of a processor is waited for; one that sleeps is not."""
    used = iter([0.03, 0.06, 0.09])
    monkeypatch.setattr(clock, "_used", lambda clock: next(used))
    assert clock.with_timeout(0.1, lambda: time.sleep(0.25) or "done") == "done"
    monkeypatch.setattr(clock, "_used", lambda clock: 0.0)
    with pytest.raises(TimeoutError):
        clock.with_timeout(0.1, lambda: time.sleep(0.25))
    monkeypatch.setattr(clock, "_used", lambda clock: 0.2)
    with pytest.raises(TimeoutError):
        clock.with_timeout(0.1, lambda: time.sleep(0.25))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an answer isn't tried in a fork")
def test_a_fork_on_a_busy_machine_has_its_seconds_of_a_processor(monkeypatch):
    """What gets a third of a processor isn't said to hang; what has used its seconds is."""

    def computes():
        end = time.monotonic() + 0.25
        while time.monotonic() < end:
            pass

    used = iter([0.03, 0.06, 0.08, 0.09])
    monkeypatch.setattr(clock, "_used", lambda clock: next(used))
    assert not clock.hangs(0.1, computes)
    monkeypatch.setattr(clock, "_used", lambda clock: 0.2)
    assert clock.hangs(0.1, computes)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an answer isn't tried in a fork")
def test_the_clock_of_a_process_is_the_one_that_the_system_tells(monkeypatch):
    told = []
    known = clock._used
    monkeypatch.setattr(clock, "_used", lambda clock: told.append(known(clock)) or told[-1])
    before = sum(os.times()[2:4])
    assert clock.hangs(0.3, lambda: [None for _ in itertools.count()])
    assert 0.5 * told[-1] < sum(os.times()[2:4]) - before
    assert told[-1] > 0.1


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere an answer isn't tried in a fork")
def test_in_a_fork_garbage_is_not_looked_for_in_what_the_notebook_holds():
    """It would copy every page of it, which took a second with six million lists, and look like a hang."""
    forever = lambda: [None for _ in itertools.count()]  # noqa: E731
    assert not clock.hangs(0.2, lambda: gc.get_freeze_count() or forever())
    assert clock.hangs(0.2, forever)
