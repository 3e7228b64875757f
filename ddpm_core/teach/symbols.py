"""Sympy for proofs: the symbols of two neighbouring times, and a test of equality that never hangs.

A symbol goes through the library's formulas as a tensor does.  What comes out is compared here.  `simplify`
is no judge: it may run for minutes, and what it leaves standing may be zero all the same.
"""

import sympy as sp

from ..schedule import Level

alpha = sp.Symbol(r"\alpha_t", positive=True)  # abar_t / abar_s: of one step, or of the jump from s to t
abar_s = sp.Symbol(r"\bar\alpha_s", positive=True)  # s = t-1 if the step is one
abar_t = alpha * abar_s
beta = 1 - alpha
s = Level(sp.sqrt(abar_s), sp.sqrt(1 - abar_s))
t = Level(sp.sqrt(abar_t), sp.sqrt(1 - abar_t))
x0, xs, xt, eps, z = sp.symbols(r"x_0 x_s x_t \varepsilon z", real=True)


def equal(a: sp.Expr, b: sp.Expr | int = 0) -> bool:
    """Whether a - b is zero for all values of its symbols: an answer at once, for roots and fractions.

    Positive symbols become squares, so that their roots are polynomials; the root of any other factor becomes
    a letter whose square is known.  Then one fraction is left, and its numerator is zero or it is not.
    """
    difference = sp.nsimplify(sp.sympify(a) - b, rational=True)  # 0.5 is a half
    positive = sorted((x for x in difference.free_symbols if x.is_positive), key=str)
    letters = {x: sp.Symbol(f"root_{x.name}", positive=True) for x in positive}
    somewhere = {root: sp.Rational(7 + i, 23) for i, root in enumerate(letters.values())}  # in (0, 1)
    difference = difference.subs({x: root**2 for x, root in letters.items()})
    roots: dict[sp.Expr, sp.Symbol] = {}

    def root(power: sp.Pow) -> sp.Expr:
        """A product of letters, one for each factor of what stands under the root."""
        product = sp.Integer(1)
        for part, sign in zip(sp.fraction(sp.cancel(power.base)), (1, -1), strict=True):
            number, factors = sp.factor_list(part)
            product *= sp.Abs(number) ** (sign * power.exp)
            for factor, k in factors:
                factor = factor if factor.subs(somewhere).is_positive else -factor
                letter = roots.setdefault(factor, sp.Symbol(f"letter_{len(roots)}", positive=True))
                product *= letter ** (sign * 2 * k * power.exp)
        return product

    half = lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2 and e.base.free_symbols  # noqa: E731
    numerator = sp.fraction(sp.cancel(sp.together(difference.replace(half, root))))[0]
    for factor, letter in roots.items():
        numerator = sp.rem(sp.expand(numerator), letter**2 - factor, letter)
    return bool(sp.expand(numerator) == 0)


def expectation(polynomial: sp.Expr, *normals: sp.Symbol) -> sp.Expr:
    """The mean over independent standard normal symbols, by their moments 1, 0, 1, 0, 3, 0, 15, ..."""
    for n in normals:
        terms = sp.Poly(sp.expand(polynomial), n).terms()
        polynomial = sum(c * (0 if k % 2 else sp.factorial2(k - 1)) for (k,), c in terms)
    return sp.expand(polynomial)


def log_density(x: sp.Expr, mean: sp.Expr, var: sp.Expr) -> sp.Expr:
    """log N(x; mean, var) without its normaliser: a quadratic."""
    return -((x - mean) ** 2) / (2 * var)


def complete_the_square(log_p: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of the Gaussian in x with this log density, up to what is free of x."""
    p = sp.Poly(sp.expand(log_p), x)
    var = -1 / (2 * p.coeff_monomial(x**2))
    return sp.cancel(p.coeff_monomial(x) * var), sp.cancel(var)
