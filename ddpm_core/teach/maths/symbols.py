"""Sympy for proofs: the symbols of two neighbouring times, and a test of equality that never hangs.

A symbol goes through the library's formulas as a tensor does, and the results are compared here.  Sympy's
`simplify` can't do that: it may run for minutes, and may fail to reduce an expression that is zero.
"""

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import sympy as sp

from ...schedule import Level


def level(abar: sp.Expr | int) -> Level:
    """The level with this abar."""
    return Level(sp.sqrt(abar), sp.sqrt(1 - abar))


alpha = sp.Symbol(r"\alpha_t", positive=True)  # abar_t / abar_s: alpha of a step, or of the jump from s to t
abar_s = sp.Symbol(r"\bar\alpha_s", positive=True)  # s = t-1 for a single step
abar_t = alpha * abar_s
beta = 1 - alpha
s, t = level(abar_s), level(abar_t)
x0, xs, xt, eps, z = sp.symbols(r"x_0 x_s x_t \varepsilon z", real=True)
m, n, u, v, w = sp.symbols("m n u v w", positive=True)  # other numbers that an identity needs
a_r, a_s, a_t, b_r, b_s, b_t = sp.symbols("a_r a_s a_t b_r b_s b_t", positive=True)
free_r, free_s, free_t = Level(a_r, b_r), Level(a_s, b_s), Level(a_t, b_t)  # signal and noise of any schedule

snr_s, snr_t = abar_s / (1 - abar_s), abar_t / (1 - abar_t)
V_s, V_t = abar_s * v + 1 - abar_s, abar_t * v + 1 - abar_t  # variances of x_s and x_t for data N(m, v)


class Identity(NamedTuple):
    """An identity: what it says, the pairs that are equal if it is true, and the functions that it runs."""

    name: str
    says: str  # LaTeX
    pairs: Callable[[], Iterable[tuple[Any, Any]]]
    runs: tuple[Callable[..., Any], ...] = ()


def equal(a: sp.Expr, b: sp.Expr | int = 0) -> bool:
    """Whether a - b is zero for all values of its symbols at which its square roots are real.  It is fast.

    Each positive symbol is replaced by the square of a new one, so that its roots are polynomials, and the
    root of any other factor by a new symbol ("letter") whose square is known.  That leaves one fraction,
    whose numerator is either zero or not.  The sign of a factor follows from its symbols' assumptions, or
    from being alone under a root, which must be real.  If a factor's sign is unknown, an even power becomes a
    power of its absolute value, and an odd one stays under the root with others of its kind.
    """
    difference = sp.nsimplify(sp.sympify(a) - b, rational=True)  # 0.5 is a half
    positive = sorted((x for x in difference.free_symbols if x.is_positive), key=str)
    difference = difference.subs({x: sp.Symbol(f"root_{x.name}", positive=True) ** 2 for x in positive})
    letters: dict[sp.Expr, sp.Symbol] = {}  # known square -> its letter
    signs: dict[sp.Expr, int] = {}

    def letter(square: sp.Expr) -> sp.Symbol:
        return letters.setdefault(square, sp.Symbol(f"letter_{len(letters)}", positive=True))

    def sign(factor: sp.Expr) -> int:
        return signs.get(factor, 1 if factor.is_positive else -1 if factor.is_negative else 0)

    def root(power: sp.Pow) -> sp.Expr:
        """A power of a square root as a product of letters, one for each factor under the root."""
        number, factors = _factors(power.base)
        product, open_ = sp.sqrt(abs(number)), sp.sign(number)
        for factor, k in factors:
            if known := sign(factor):
                product *= letter(known * factor) ** k
                open_ *= known**k
            else:
                product *= letter(sp.expand(factor**2)) ** (k // 2)
                open_ *= factor ** (k % 2)
        odd = [factor for factor, k in factors if k % 2 and not sign(factor)]
        if len(odd) == 1:  # real only if this factor has this sign
            signs[odd[0]] = 1 if sp.expand(open_ - odd[0]) == 0 else -1
        if open_ != 1:
            product *= letter(sp.expand(open_))
        return product ** (2 * power.exp)

    half = lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.base.free_symbols  # noqa: E731
    known = -1
    while len(signs) > known:  # one sign that is found may determine another
        known = len(signs)
        flat = difference.replace(half, root)
    numerator = sp.fraction(sp.cancel(sp.together(flat)))[0]
    for square, name in reversed(letters.items()):
        numerator = sp.rem(sp.expand(numerator), name**2 - square, name)
    return bool(sp.expand(numerator) == 0)


def _factors(fraction: sp.Expr) -> tuple[sp.Expr, list[tuple[sp.Expr, int]]]:
    """A fraction's constant factor, and its other factors with their powers, negative in the denominator."""
    above, below = (sp.factor_list(part) for part in sp.fraction(sp.cancel(fraction)))
    return above[0] / below[0], [*above[1], *((factor, -k) for factor, k in below[1])]


def agree(a: sp.Expr, b: sp.Expr | int = 0, points: int = 3) -> bool:
    """Whether a and b are numerically equal at a few random points; complex values don't count."""
    dice, difference = random.Random(0), sp.sympify(a) - b
    unknown = sorted(difference.atoms(sp.core.function.AppliedUndef), key=str)
    difference = difference.subs({f: sp.Symbol(f"value_{k}", real=True) for k, f in enumerate(unknown)})
    symbols = sorted(difference.free_symbols, key=str)
    for top in (1.0, 3.0):
        for _ in range(points):
            at = {x: dice.uniform(0.02 if x.is_positive else -top, top) for x in symbols}
            parts = [complex(sp.N(part.subs(at))) for part in sp.Add.make_args(difference)]
            if all(abs(part.imag) < 1e-12 for part in parts) and abs(sum(parts)) > 1e-7 * max(
                1, *map(abs, parts)
            ):
                return False
    return True


def expectation(polynomial: sp.Expr, *normals: sp.Symbol) -> sp.Expr:
    """The mean over independent standard normal symbols, from their moments 1, 0, 1, 0, 3, 0, 15, ..."""
    for n in normals:
        terms = sp.Poly(sp.expand(polynomial), n).terms()
        polynomial = sum(c * (0 if k % 2 else sp.factorial2(k - 1)) for (k,), c in terms)
    return sp.expand(polynomial)


def log_density(x: sp.Expr, mean: sp.Expr, var: sp.Expr) -> sp.Expr:
    """log N(x; mean, var) without its normalising constant: a quadratic."""
    return -((x - mean) ** 2) / (2 * var)


def complete_the_square(log_p: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of the Gaussian in x with this log density, up to terms without x."""
    p = sp.Poly(sp.expand(log_p), x)
    var = -1 / (2 * p.coeff_monomial(x**2))
    return sp.cancel(p.coeff_monomial(x) * var), sp.cancel(var)
