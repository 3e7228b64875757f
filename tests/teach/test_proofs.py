"""The table "proved here, runs there" is whole: it holds, it refutes, and each function it names is run."""

import importlib
import inspect
import pkgutil
import sys

import pytest
import sympy as sp

import ddpm_core
from ddpm_core import elbo, process
from ddpm_core.formula import formula
from ddpm_core.gaussian import Gaussian
from ddpm_core.teach.maths import proofs
from ddpm_core.teach.maths.proofs import FAULTS, PROOFS, prove, refute, table
from ddpm_core.teach.maths.symbols import (
    agree,
    alpha,
    complete_the_square,
    equal,
    expectation,
    log_density,
    xs,
    z,
)


@pytest.mark.parametrize("name", PROOFS)
def test_an_identity_holds(name):
    assert prove(name)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_refuted(name):
    assert refute(name)


def code(function):
    return inspect.unwrap(function).__code__


@pytest.mark.parametrize("name", [n for n in PROOFS if PROOFS[n].runs])
def test_a_proof_runs_the_functions_that_it_names(name):
    called = set()
    sys.setprofile(lambda frame, event, _: called.add(frame.f_code))
    try:
        list(PROOFS[name].pairs())
    finally:
        sys.setprofile(None)
    absent = [run.__qualname__ for run in PROOFS[name].runs if code(run) not in called]
    assert not absent


MARKED = formula(lambda: None).__code__  # what @formula makes of a function


def formulas():
    """Every function of the core that is marked as a formula, and the few that can't be."""
    yield from (Gaussian.gap, Gaussian.ratio, elbo.weight, process.between)
    for module in pkgutil.iter_modules(ddpm_core.__path__, "ddpm_core."):
        if module.name in ("ddpm_core.teach", "ddpm_core.__main__"):
            continue
        for _, thing in inspect.getmembers(importlib.import_module(module.name)):
            for _, f in [("", thing), *(inspect.getmembers(thing) if inspect.isclass(thing) else [])]:
                if inspect.isfunction(f) and f.__code__ is MARKED:
                    yield f


def test_every_formula_of_the_core_is_proved():
    """All arithmetic of process, prediction, the rules, the weights and the divergence is in the table."""
    found = {f.__qualname__ for f in formulas()}
    assert {"q_sample", "ddim", "V.x0", "Mu.target", "guide", "langevin"} < found
    proved = {run.__qualname__ for proof in PROOFS.values() for run in proof.runs}
    assert not found - proved, "prove them in teach/proofs.py"


def test_the_table_says_what_was_found():
    text = table(FAULTS)
    assert text.count("| yes |") == len(FAULTS) >= 20
    assert "**NO**" not in text
    assert len(PROOFS) >= 40
    for row in text.splitlines():
        assert row.count("|") == 3, f"a bar inside a formula breaks the table: {row}"


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


@pytest.mark.parametrize("name", ["KL", "KL in d dimensions", "prior term"])
def test_a_divergence_is_proved_with_its_logarithm(name, monkeypatch):
    monkeypatch.setattr(proofs, "log", lambda ratio: 0)
    assert not prove(name)


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
