"""The table of proofs is complete: it proves, it refutes, and each function that it names matters."""

import functools
import importlib
import inspect
import math
import pkgutil
import sys

import pytest
import sympy as sp
import torch

import ddpm_core
from ddpm_core import elbo, gaussian, prediction, process
from ddpm_core.formula import formula
from ddpm_core.gaussian import Gaussian
from ddpm_core.study import vae
from ddpm_core.teach.maths import faults, proofs, wrong
from ddpm_core.teach.maths.faults import FAULTS, REFUTED
from ddpm_core.teach.maths.proofs import LEVELS, PROOFS, prove, refute, table
from ddpm_core.teach.maths.symbols import (
    Identity,
    agree,
    alpha,
    complete_the_square,
    equal,
    expectation,
    log_density,
    w,
    x0,
    xs,
    z,
)
from ddpm_core.teach.maths.traced import MEANING, Traced, expression, traced

PROVED = PROOFS | LEVELS


@pytest.mark.parametrize("name", PROVED)
def test_an_identity_holds(name):
    assert prove(name)


@pytest.mark.parametrize("name", REFUTED)
def test_a_fault_is_refuted(name):
    assert refute(name)


@pytest.mark.slow
def test_nothing_is_proved_or_refuted_without_pairs(monkeypatch):
    empty = Identity("empty", "0=0", lambda: [])
    monkeypatch.setitem(PROOFS, "empty", empty)
    monkeypatch.setitem(REFUTED, "empty", empty)
    assert not prove("empty")
    assert not refute("empty")
    assert "**NO**" in table(PROOFS)


CHANGES = {"doubled": lambda x: 2 * x, "moved": lambda x: x + 1}


def broken(function, change):
    """The function with `change` applied to its result: to each of several, mean and variance, each frame."""

    @functools.wraps(function)
    def other(*args, **kwargs):
        result = function(*args, **kwargs)
        if isinstance(result, Gaussian):
            return Gaussian(*map(change, result))
        if inspect.isgenerator(result):
            return (frame._replace(xt=change(frame.xt)) for frame in result)
        return tuple(map(change, result)) if isinstance(result, tuple) else change(result)

    return other


def owners(function):
    """Every module and class of the package with the function as an attribute, and the attribute's name."""
    for module in [m for name, m in sys.modules.items() if name.startswith("ddpm_core")]:
        classes = [thing for thing in vars(module).values() if inspect.isclass(thing)]
        for owner in (module, *classes):
            yield from ((owner, name) for name, thing in vars(owner).items() if thing is function)


def matters(name, run, change):
    """Whether the change matters: a weight is a squared slope, so a constant added to x_0 doesn't."""
    return change == "doubled" or elbo.weight not in PROVED[name].runs or run.__name__ != "x0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "run", "change"),
    [
        (name, run, change)
        for name, proof in PROVED.items()
        for run in proof.runs
        for change in CHANGES
        if matters(name, run, change)
    ],
    ids=lambda x: getattr(x, "__qualname__", x),
)
def test_a_proof_fails_if_a_function_that_it_names_is_wrong(name, run, change, monkeypatch):
    """Each function alone is broken: its result is doubled, or 1 is added."""
    for owner, attribute in set(owners(run)):
        monkeypatch.setattr(owner, attribute, broken(run, CHANGES[change]))
    assert not prove(name)


MARKED = formula(lambda: None).__code__  # the code object of every function wrapped by @formula
NO_ARITHMETIC = {"Gaussian.log_mass", "per_example"}  # tables of Phi, sums over axes


def functions(module):
    """The public functions of a module, and the methods of its classes."""
    for thing in vars(module).values():
        for f in vars(thing).values() if inspect.isclass(thing) else [thing]:
            if inspect.isfunction(f) and f.__module__ == module.__name__ and f.__name__[0] != "_":
                yield f


def formulas():
    """All functions of three modules, those of the bound, and every function marked with @formula."""
    yield from (elbo.weight, elbo.prior, elbo.divergence, vae.linear_elbo)
    for module in (gaussian, process, prediction):
        yield from (f for f in functions(module) if not f.__qualname__.startswith("Prediction."))
    for found in pkgutil.iter_modules(ddpm_core.__path__, "ddpm_core."):
        if found.name not in ("ddpm_core.teach", "ddpm_core.__main__"):
            module = importlib.import_module(found.name)
            yield from (f for f in functions(module) if f.__code__ is MARKED)


def test_every_formula_of_the_core_is_proved():
    """The table has all arithmetic of Gaussians, the process, predictions, the rules and the bound."""
    found = {f.__qualname__ for f in formulas()} - NO_ARITHMETIC
    assert {"q_sample", "ddim", "V.x0", "Mu.target", "guide", "langevin", "Gaussian.kl"} < found
    proved = {run.__qualname__ for proof in PROVED.values() for run in proof.runs}
    assert not found - proved, "prove them in teach/maths/proofs.py"


def test_no_proof_is_lost_to_another_of_its_name():
    assert not PROOFS.keys() & LEVELS.keys()


def test_the_table_says_what_was_found():
    text = table(REFUTED)
    assert text.count("| yes |") == len(REFUTED) >= 20
    assert "**NO**" not in text
    assert len(PROOFS) >= 40
    for row in text.splitlines():
        assert row.count("|") == 3, f"a bar inside a formula breaks the table: {row}"


def right_mean(x0, xt, s, t):
    return process.posterior(x0, xt, s, t).mean


def right_input(x0, eps, s, t):
    return process.q_sample(x0, eps, t)


def right_step(xs, eps, s, t):
    return process.transition(xs, s, t).sample(eps)


@pytest.mark.parametrize(
    ("number", "function", "right"),
    [
        ("E01", "barred_root", right_mean),
        ("E02", "barred_scale", right_mean),
        ("E03", "unbarred_noise", right_mean),
        ("E06", "one_bar_lost", right_input),
        ("E07", "both_bars_lost", right_input),
        ("E08", "noise_for_picture", right_mean),
        ("E09", "picture_lost", right_mean),
        ("E30", "unshrunk", right_step),
    ],
)
def test_a_fault_is_refuted_by_what_its_sampler_believes(number, function, right, monkeypatch):
    """If the wrong function is replaced by the right one, the identity holds."""
    assert getattr(wrong, function).__doc__.startswith(number)
    monkeypatch.setattr(faults, function, right)
    assert all(equal(a, b) for a, b in FAULTS[number].false.pairs())


def test_equality_knows_roots_and_fractions():
    a, b = sp.symbols("a b", positive=True)
    assert equal(sp.sqrt(a * b), sp.sqrt(a) * sp.sqrt(b))
    assert equal(sp.sqrt((1 - alpha) / (1 + a)), sp.sqrt(1 - alpha) / sp.sqrt(1 + a))
    assert equal(1 / sp.sqrt(1 - a), sp.sqrt(1 - a) / (1 - a))
    assert equal((1 - a) ** 0.5, sp.sqrt(1 - a))
    assert equal((a**2 - b**2) / (a - b), a + b)
    assert not equal(sp.sqrt(1 - a), 1 - sp.sqrt(a))
    assert not equal(sp.sqrt(1 - a), -sp.sqrt(1 - a))
    assert not equal(sp.sqrt(a + b), sp.sqrt(a) + sp.sqrt(b))


def test_equality_takes_no_sign_for_granted():
    v = sp.Symbol("v", positive=True)
    x = sp.Symbol("x", real=True)
    for a in (1 - v, x + 1, (1 - v) * (x + 1)):
        square = sp.sqrt(sp.expand(a**2))
        for b in (a, -a):
            assert not equal(square, sp.expand(b))
            assert not agree(square, b)
        assert equal(square**2, a**2)
    assert equal(sp.sqrt(sp.expand((1 + v) ** 2)), 1 + v)
    assert equal(sp.sqrt(sp.expand((1 - v) ** 2)) * sp.sqrt(1 - v), sp.sqrt(1 - v) * (1 - v))
    assert not equal(sp.sqrt(sp.expand((1 - v) ** 2)) * sp.sqrt(v - 1), sp.sqrt(v - 1) * (1 - v))


@pytest.mark.parametrize("name", ["KL", "KL in d dimensions", "prior term", "bound and gap"])
def test_a_divergence_is_proved_with_its_logarithm(name, monkeypatch):
    monkeypatch.setitem(MEANING, "log", lambda x: sp.Integer(0))
    assert not prove(name)


def test_what_is_traced_is_the_value_of_its_expression():
    """Every operation, with a number on either side."""
    a, b = traced(x0), traced(w)
    for made in (
        a + b,
        1 + a,
        a - 2,
        1 - b,
        a * b,
        3 * a,
        a / b,
        2 / b,
        b**0.5,
        -a,
        b.log(),
        torch.zeros_like(a),
    ):
        assert isinstance(made, Traced)
        assert traced(expression(made)).item() == pytest.approx(made.item(), abs=1e-12)
    assert bool(b > 0)
    assert expression(math.log(2 * math.pi)) == sp.log(2 * sp.pi)


def test_what_has_no_meaning_has_no_expression():
    with pytest.raises(AttributeError, match="expression"):
        expression(traced(w).tanh())


def test_a_proof_needs_both_judges(monkeypatch):
    for judge, name in (("equal", "kernel"), ("agree", "kernel")):
        with monkeypatch.context() as patch:
            patch.setattr(proofs, judge, lambda a, b: False)
            assert not prove(name)
    monkeypatch.setattr(proofs, "agree", lambda a, b: True)
    assert not refute("E01")


def test_moments_and_squares():
    assert [expectation(z**k, z) for k in range(7)] == [1, 0, 1, 0, 3, 0, 15]
    m, v = sp.symbols("m v", positive=True)
    mean, var = complete_the_square(log_density(xs, m, v) + 17, xs)
    assert equal(mean, m)
    assert equal(var, v)
