"""Proofs of the library's formulas: sympy symbols go through the functions themselves, and both sides agree.

`PROOFS` holds the identities of schedules that preserve variance, `LEVELS` those of any signal and noise,
each with the functions that it runs and that its result depends on; the false ones are in `maths.faults`.
`prove` and `refute` check one of them, `table` all of one kind.
"""

# mypy: disable-error-code="arg-type, attr-defined"

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any, Self

import sympy as sp
from torch import Tensor

from ...denoiser import guide
from ...elbo import divergence, prior, weight
from ...gaussian import Gaussian
from ...prediction import X0, Eps, Flow, Mu, Score, V
from ...process import between, posterior, posterior_beta, q_sample, transition
from ...sampling import ancestral, ancestral_beta, ddim, ddim_eta, dpm_2m, heun, invert, langevin
from ...schedule import Level
from ...study.vae import linear_elbo
from .faults import REFUTED
from .symbols import (
    Identity,
    V_s,
    V_t,
    a_s,
    a_t,
    abar_s,
    abar_t,
    agree,
    alpha,
    b_s,
    b_t,
    beta,
    complete_the_square,
    eps,
    equal,
    expectation,
    free_r,
    free_s,
    free_t,
    level,
    log_density,
    m,
    n,
    s,
    snr_s,
    snr_t,
    t,
    u,
    v,
    w,
    x0,
    xs,
    xt,
    z,
)
from .traced import LOG_2PI, Traced, expression, normal, traced

Pairs = Iterator[tuple[Any, Any]]

PROOFS: dict[str, Identity] = {}
LEVELS: dict[str, Identity] = {}


def prove(name: str) -> bool:
    """Whether the identity of that name holds: it has pairs, and all of them are equal."""
    pairs = _pairs((PROOFS | LEVELS)[name])
    return bool(pairs) and all(equal(a, b) and agree(a, b) for a, b in pairs)


def refute(name: str) -> bool:
    """Whether the false identity of that name fails: at least one of its pairs is not equal."""
    return any(not equal(a, b) and not agree(a, b) for a, b in _pairs(REFUTED[name]))


def table(identities: dict[str, Identity]) -> str:
    """A Markdown table: each identity, whether it was proved or refuted just now, the functions it runs."""
    decide, done = (refute, "refuted") if identities is REFUTED else (prove, "proved")
    rows = [f"| | {done} |", "|:---|:---|"]
    for name, identity in identities.items():
        says = identity.says.replace(r"\|", r"\Vert ").replace("|", r"\mid ")
        runs = ", ".join(f"`{run.__qualname__}`" for run in identity.runs)
        verdict = ("yes" if decide(name) else "**NO**") + (f" in {runs}" if runs else "")
        rows.append(f"| **{name}**<br>${says}$ | {verdict} |")
    return "\n".join(rows)


def _pairs(identity: Identity) -> list[tuple[sp.Expr, sp.Expr]]:
    return [(expression(a), expression(b)) for a, b in identity.pairs()]


def _proof(
    name: str, says: str, *runs: Callable[..., Any], into: dict[str, Identity] = PROOFS
) -> Callable[[Callable[[], Pairs]], Callable[[], Pairs]]:
    def keep(pairs: Callable[[], Pairs]) -> Callable[[], Pairs]:
        into[name] = Identity(name, says, pairs, runs)
        return pairs

    return keep


root = sp.sqrt
beta_tilde = beta * (1 - abar_s) / (1 - abar_t)
start = level(1)  # t = 0: all signal
mu = (root(alpha) * (1 - abar_s) * xt + root(abar_s) * beta * x0) / (1 - abar_t)
mu_eps = (xt - beta / root(1 - abar_t) * eps) / root(alpha)
noised = q_sample(x0, eps, t)  # x_t made of x_0 and eps


# ── the forward process ─────────────────────────────────────────────────────────────────────────────────────


@_proof(
    "kernel", r"q(x_t\mid x_{t-1})=\mathcal N(\sqrt{1-\beta_t}\,x_{t-1},\ \beta_t I)", transition, between
)
def _() -> Pairs:
    scale, var = between(s, t)
    yield scale, root(1 - beta)
    yield var, beta
    q = transition(xs, s, t)
    yield q.mean, root(1 - beta) * xs
    yield q.var, beta


@_proof("marginal: mean", r"\mathbb E[x_t\mid x_0]=\sqrt{\bar\alpha_t}\,x_0", q_sample, transition)
def _() -> Pairs:
    yield q_sample(x0, 0, t), root(abar_t) * x0
    yield transition(q_sample(x0, 0, s), s, t).mean, q_sample(x0, 0, t)


@_proof("marginal: variance", r"\alpha_t(1-\bar\alpha_{t-1})+\beta_t=1-\bar\alpha_t", q_sample, transition)
def _() -> Pairs:
    scale, _ = between(s, t)
    yield scale**2 * q_sample(0, 1, s) ** 2 + transition(xs, s, t).var, q_sample(0, 1, t) ** 2


@_proof(
    "marginal: first step",
    r"\bar\alpha_0=1:\quad x_1=\sqrt{\alpha_1}\,x_0+\sqrt{\beta_1}\,\varepsilon",
    q_sample,
    transition,
)
def _() -> Pairs:
    first = level(alpha)
    yield transition(x0, start, first).mean, q_sample(x0, 0, first)
    yield transition(x0, start, first).var, beta
    yield q_sample(x0, eps, start), x0


@_proof("kernels compose", r"q(x_t\mid x_r)=\int q(x_t\mid x_s)\,q(x_s\mid x_r)\,dx_s", transition)
def _() -> Pairs:
    r, middle, end = level(u), level(u * v), level(u * v * w)
    first = transition(xs, r, middle)
    second, jump = transition(first.mean, middle, end), transition(xs, r, end)
    yield second.mean, jump.mean
    yield between(middle, end)[0] ** 2 * first.var + second.var, jump.var


@_proof(
    "variance",
    r"V_t=\bar\alpha_tV_0+1-\bar\alpha_t,\ \text{and } V_0=1 \text{ stays 1}",
    q_sample,
    transition,
)
def _() -> Pairs:
    now, then = (
        expectation(q_sample(root(v) * z, eps, s) ** 2, z, eps),
        expectation(noised.subs(x0, root(v) * z) ** 2, z, eps),
    )
    yield between(s, t)[0] ** 2 * now + transition(xs, s, t).var, then
    yield then.subs(v, 1), 1


# ── the posterior ───────────────────────────────────────────────────────────────────────────────────────────


@_proof(
    "Bayes: mean",
    r"\tilde\mu_t=\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})x_t+\sqrt{\bar\alpha_{t-1}}\beta_t x_0}"
    r"{1-\bar\alpha_t}",
    posterior,
)
def _() -> Pairs:
    q, prior = transition(xs, s, t), Gaussian(q_sample(x0, 0, s), s.noise**2)
    mean, _ = complete_the_square(log_density(xt, q.mean, q.var) + log_density(xs, prior.mean, prior.var), xs)
    yield posterior(x0, xt, s, t).mean, mean
    yield mean, mu


@_proof("Bayes: variance", r"\tilde\beta_t=\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}\beta_t", posterior)
def _() -> Pairs:
    q, prior = transition(xs, s, t), Gaussian(q_sample(x0, 0, s), s.noise**2)
    _, var = complete_the_square(log_density(xt, q.mean, q.var) + log_density(xs, prior.mean, prior.var), xs)
    yield posterior(x0, xt, s, t).var, var
    yield var, beta_tilde


@_proof(
    "precisions add", r"\frac1{\tilde\beta_t}=\frac{\alpha_t}{\beta_t}+\frac1{1-\bar\alpha_{t-1}}", posterior
)
def _() -> Pairs:
    yield 1 / posterior(x0, xt, s, t).var, alpha / beta + 1 / (1 - abar_s)


@_proof(
    "Bayes: exponents",
    r"\log q(x_t|x_{t-1})+\log q(x_{t-1}|x_0)-\log q(x_t|x_0)=\log q(x_{t-1}|x_t,x_0)",
    posterior,
    transition,
    q_sample,
)
def _() -> Pairs:
    q, p = transition(xs, s, t), posterior(x0, xt, s, t)
    left = log_density(xt, q.mean, q.var) + log_density(xs, q_sample(x0, 0, s), s.noise**2)
    right = log_density(xt, q_sample(x0, 0, t), t.noise**2) + log_density(xs, p.mean, p.var)
    for coefficient in sp.Poly(sp.expand(left - right), x0, xs, xt).coeffs():
        yield coefficient, 0


@_proof(
    "Bayes: normalisers",
    r"\beta_t\,(1-\bar\alpha_{t-1})=\tilde\beta_t\,(1-\bar\alpha_t)",
    posterior,
    transition,
)
def _() -> Pairs:
    yield transition(xs, s, t).var * s.noise**2, posterior(x0, xt, s, t).var * t.noise**2


@_proof("tower: mean", r"\mathbb E[\tilde\mu_t\mid x_0]=\sqrt{\bar\alpha_{t-1}}\,x_0", posterior, q_sample)
def _() -> Pairs:
    yield expectation(posterior(x0, noised, s, t).mean, eps), q_sample(x0, 0, s)


@_proof(
    "tower: variance",
    r"\mathrm{Var}(\tilde\mu_t\mid x_0)+\tilde\beta_t=1-\bar\alpha_{t-1}",
    posterior,
    q_sample,
)
def _() -> Pairs:
    p = posterior(0, q_sample(0, eps, t), s, t)
    yield expectation(p.mean**2, eps) + p.var, s.noise**2


@_proof("posterior at t = 1", r"\bar\alpha_0=1:\quad \tilde\mu_1=x_0,\ \tilde\beta_1=0", posterior)
def _() -> Pairs:
    yield posterior(x0, xt, start, t).mean, x0
    yield posterior(x0, xt, start, t).var, 0


@_proof(
    "posterior from the noise",
    r"\tilde\mu_t=\frac1{\sqrt{\alpha_t}}\Big(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\varepsilon\Big)",
    posterior,
    Eps.x0,
)
def _() -> Pairs:
    yield posterior(Eps().x0(eps, xt, s, t), xt, s, t).mean, mu_eps


@_proof("the other variance", r"\text{same mean},\ \sigma_t^2=\beta_t", posterior_beta)
def _() -> Pairs:
    p = posterior_beta(x0, xt, s, t)
    yield p.mean, posterior(x0, xt, s, t).mean
    yield p.var, beta


@_proof(
    "ratio of the variances",
    r"\tilde\beta_t/\beta_t=\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}",
    posterior,
    posterior_beta,
    Gaussian.ratio,
)
def _() -> Pairs:
    yield posterior(x0, xt, s, t).ratio(posterior_beta(x0, xt, s, t)), (1 - abar_s) / (1 - abar_t)


# ── the bound, line by line ─────────────────────────────────────────────────────────────────────────────────


@_proof("split off t = 1", r"\sum_{t=1}^T=\sum_{t=2}^T+\,(t=1),\quad T=2\dots8")
def _() -> Pairs:
    for T in range(2, 9):
        p, q = sp.symbols(f"p1:{T + 1}"), sp.symbols(f"q1:{T + 1}")
        yield sum(p) - sum(q), sum(p[k - 1] - q[k - 1] for k in range(2, T + 1)) + p[0] - q[0]


@_proof("telescope", r"\sum_{t=2}^T[\log q(x_{t-1}|x_0)-\log q(x_t|x_0)]=\log q(x_1|x_0)-\log q(x_T|x_0)")
def _() -> Pairs:
    f, T = sp.Function("f"), sp.Symbol("T", integer=True, positive=True)
    yield f(1) - f(1), 0  # T = 1: an empty sum
    yield (f(1) - f(T)) + (f(T) - f(T + 1)), f(1) - f(T + 1)  # from T to T + 1
    for k in range(2, 9):
        yield sum(f(i - 1) - f(i) for i in range(2, k + 1)), f(1) - f(k)


@_proof(
    "three kinds of terms",
    r"\log\frac{p(x_{0:T})}{q(x_{1:T}|x_0)}=\log\frac{p(x_T)}{q(x_T|x_0)}"
    r"+\sum_{t\ge2}\log\frac{p(x_{t-1}|x_t)}{q(x_{t-1}|x_t,x_0)}+\log p(x_0|x_1)",
)
def _() -> Pairs:
    for T in range(2, 9):
        p = sp.symbols(f"p1:{T + 1}")  # log p(x_{t-1} | x_t)
        marginal = sp.symbols(f"q1:{T + 1}")  # log q(x_t | x_0)
        back = sp.symbols(f"b2:{T + 1}")  # log q(x_{t-1} | x_t, x_0)
        prior = sp.Symbol("p_T")
        bayes = [marginal[0]] + [back[k - 2] + marginal[k - 1] - marginal[k - 2] for k in range(2, T + 1)]
        yield (
            prior + sum(p) - sum(bayes),
            (prior - marginal[-1]) + sum(p[k - 1] - back[k - 2] for k in range(2, T + 1)) + p[0],
        )


@_proof(
    "bound and gap",
    r"\log p(x_0)=\mathrm{ELBO}+\mathrm{KL}\big(q(x_{1:T}|x_0)\,\|\,p(x_{1:T}|x_0)\big)",
    linear_elbo,
    Gaussian.log_prob,
)
def _() -> Pairs:
    joint, q, evidence = sp.symbols("joint q evidence")  # log p(x_{0:T}), log q(x_{1:T} | x_0), log p(x_0)
    yield (joint - q) + (q - (joint - evidence)), evidence
    # T = 1, p(x_1) = N(0, 1), p(x_0 | x_1) = N(w x_1, n^2), q(x_1 | x_0) = N(m, v)
    log_p = log_density(x0, 0, w**2 + n**2) - (LOG_2PI + sp.log(w**2 + n**2)) / 2
    right = complete_the_square(log_density(x0, w * z, n**2) + log_density(z, 0, 1), z)
    bound = linear_elbo(*map(traced, (x0, m, v, w, n)))
    yield bound + normal(m, v).kl(normal(*right)), log_p
    yield normal(0, w**2 + n**2).log_prob(traced(x0)), log_p


# ── divergences of Gaussians ────────────────────────────────────────────────────────────────────────────────


@_proof(
    "KL",
    r"\mathrm{KL}(\mathcal N_1\|\mathcal N_2)"
    r"=\tfrac12\big[\tfrac{(\mu_1-\mu_2)^2}{v_2}+\tfrac{v_1}{v_2}-1-\log\tfrac{v_1}{v_2}\big]",
    Gaussian.kl,
    Gaussian.gap,
    Gaussian.ratio,
)
def _() -> Pairs:
    x = m + root(v) * z
    ratio = log_density(x, m, v) - log_density(x, n, w) + (sp.log(w) - sp.log(v)) / 2
    nats = ((m - n) ** 2 / w + v / w - 1 - sp.log(v) + sp.log(w)) / 2
    yield expectation(ratio, z), nats
    yield normal(m, v).kl(normal(n, w)), nats


@_proof(
    "KL, equal variances",
    r"\mathrm{KL}=\frac{(\mu_1-\mu_2)^2}{2\sigma^2}",
    Gaussian.kl,
    Gaussian.gap,
    Gaussian.ratio,
)
def _() -> Pairs:
    p, q = normal(m, v), normal(n, v)
    yield p.kl(q), (m - n) ** 2 / (2 * v)
    yield p.kl(q), q.kl(p)


@_proof("KL, unequal variances", r"\tfrac12(\rho-1-\log\rho)\ge0,\ =0\text{ only at }\rho=1")
def _() -> Pairs:
    rest = (v - 1 - sp.log(v)) / 2
    yield sp.solve(sp.diff(rest, v), v)[0], 1
    yield rest.subs(v, 1), 0
    yield sp.diff(rest, v, 2), 1 / (2 * v**2)  # convex


@_proof(
    "KL in d dimensions",
    r"\mathrm{KL}=\tfrac d2(\rho-1-\log\rho)+\frac{\|\mu_1-\mu_2\|^2}{2v_2}",
    Gaussian.kl,
    Gaussian.gap,
    Gaussian.ratio,
)
def _() -> Pairs:
    a, b = sp.symbols("a1:4", real=True), sp.symbols("b1:4", real=True)
    each = [normal(i, v).kl(normal(j, w)) for i, j in zip(a, b, strict=True)]
    apart = sum((i - j) ** 2 for i, j in zip(a, b, strict=True))
    yield sum(each), 3 * (v / w - 1 - sp.log(v) + sp.log(w)) / 2 + apart / (2 * w)


@_proof(
    "best fixed variance",
    r"\sigma_*^2=\tilde\beta_t+\mathbb E\|\Delta\mu\|^2/d",
)
def _() -> Pairs:
    kl = (sp.log(w / v) + (v + m) / w - 1) / 2  # m: the mean squared gap
    (best,) = sp.solve(sp.diff(kl, w), w)
    yield best, v + m


@_proof(
    "prior term",
    r"L_T=\tfrac12\big(\bar\alpha_T x_0^2-\bar\alpha_T-\log(1-\bar\alpha_T)\big)",
    prior,
    Gaussian.gap,
    Gaussian.ratio,
    q_sample,
)
def _() -> Pairs:
    nats = (abar_t * x0**2 - abar_t - sp.log(1 - abar_t)) / 2
    yield prior(traced(x0), Level(*map(traced, t))), nats
    yield normal(q_sample(x0, 0, t), t.noise**2).kl(normal(0, 1)), nats


# ── what the network's output means ─────────────────────────────────────────────────────────────────────────


@_proof(
    "output: noise",
    r"\varepsilon\to\hat x_0=\frac{x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon}{\sqrt{\bar\alpha_t}}",
    Eps.target,
    Eps.x0,
)
def _() -> Pairs:
    yield Eps().x0(Eps().target(x0, eps, noised, s, t), noised, s, t), x0


@_proof("output: picture", r"x_0\to\hat x_0=x_0", X0.target, X0.x0)
def _() -> Pairs:
    yield X0().x0(X0().target(x0, eps, noised, s, t), noised, s, t), x0


@_proof(
    "output: velocity",
    r"v=\sqrt{\bar\alpha_t}\,\varepsilon-\sqrt{1-\bar\alpha_t}\,x_0"
    r"\ \to\ \hat x_0=\sqrt{\bar\alpha_t}\,x_t-\sqrt{1-\bar\alpha_t}\,v",
    V.target,
    V.x0,
)
def _() -> Pairs:
    yield V().x0(V().target(x0, eps, noised, s, t), noised, s, t), x0
    yield t.noise * noised + t.signal * V().target(x0, eps, noised, s, t), eps


@_proof("velocity is a rotation", r"x_t^2+v^2=x_0^2+\varepsilon^2", V.target)
def _() -> Pairs:
    yield noised**2 + V().target(x0, eps, noised, s, t) ** 2, x0**2 + eps**2


@_proof("output: mean", r"\tilde\mu_t\to\hat x_0", Mu.target, Mu.x0)
def _() -> Pairs:
    yield Mu().x0(Mu().target(x0, eps, noised, s, t), noised, s, t), x0
    yield Mu().target(x0, eps, noised, s, t), mu.subs(xt, noised)


@_proof(
    "output: score",
    r"\nabla_{x_t}\log q(x_t\mid x_0)=-\frac{\varepsilon}{\sqrt{1-\bar\alpha_t}}",
    Score.target,
    Score.x0,
)
def _() -> Pairs:
    gradient = sp.diff(log_density(xt, q_sample(x0, 0, t), t.noise**2), xt)
    yield Score().target(x0, eps, noised, s, t), gradient.subs(xt, noised)
    yield Score().x0(Score().target(x0, eps, noised, s, t), noised, s, t), x0


@_proof(
    "mean from the score",
    r"\tilde\mu_t=\frac1{\sqrt{\alpha_t}}\big(x_t+\beta_t\nabla\log q\big)",
    Score.x0,
    posterior,
)
def _() -> Pairs:
    yield posterior(Score().x0(z, xt, s, t), xt, s, t).mean, (xt + beta * z) / root(alpha)


@_proof("Tweedie", r"\sqrt{\bar\alpha_t}\,\mathbb E[x_0|x_t]=x_t+(1-\bar\alpha_t)\nabla\log q(x_t)", Score.x0)
def _() -> Pairs:
    # three atoms a_i with weights c_i; times q(x_t), both sides are linear in the three exponentials g_i
    a, c, g = (
        sp.symbols("a1:4", real=True),
        sp.symbols("c1:4", positive=True),
        sp.symbols("g1:4", positive=True),
    )
    q = sum(c[i] * g[i] for i in range(3))
    slope = sum(c[i] * g[i] * sp.diff(log_density(xt, t.signal * a[i], t.noise**2), xt) for i in range(3)) / q
    yield Score().x0(slope, xt, s, t), sum(c[i] * g[i] * a[i] for i in range(3)) / q


# ── weights: from divergence to squared error ───────────────────────────────────────────────────────────────


@_proof("weight of the mean", r"\frac1{2\sigma_t^2}", weight, Mu.x0)
def _() -> Pairs:
    yield weight(Mu(), s, t, posterior), 1 / (2 * beta_tilde)
    yield weight(Mu(), s, t), 1 / (2 * beta)


@_proof(
    "weight of the picture", r"\frac{\bar\alpha_{t-1}\beta_t^2}{2\sigma_t^2(1-\bar\alpha_t)^2}", weight, X0.x0
)
def _() -> Pairs:
    yield weight(X0(), s, t), abar_s * beta / (2 * (1 - abar_t) ** 2)


@_proof("weight of the noise", r"\frac{\beta_t^2}{2\sigma_t^2\alpha_t(1-\bar\alpha_t)}", weight, Eps.x0)
def _() -> Pairs:
    yield weight(Eps(), s, t), beta / (2 * alpha * (1 - abar_t))


@_proof(
    "weight of the velocity", r"\frac{\bar\alpha_{t-1}\beta_t^2}{2\sigma_t^2(1-\bar\alpha_t)}", weight, V.x0
)
def _() -> Pairs:
    yield weight(V(), s, t), abar_s * beta / (2 * (1 - abar_t))


@_proof("weight of the score", r"\frac{\beta_t^2}{2\sigma_t^2\alpha_t}", weight, Score.x0)
def _() -> Pairs:
    yield weight(Score(), s, t), beta / (2 * alpha)


@_proof(
    "picture's weight, by SNR",
    r"\sigma^2=\tilde\beta:\ \tfrac12\big(\mathrm{SNR}(t-1)-\mathrm{SNR}(t)\big)",
    weight,
    divergence,
    X0.x0,
)
def _() -> Pairs:
    factor, guess = (snr_s - snr_t) / 2, sp.Symbol("guess", real=True)
    yield weight(X0(), s, t, posterior), factor
    before, now = (Level(*map(traced, a)) for a in (s, t))
    nats = divergence(traced(x0), traced(guess), traced(xt), before, now, posterior)
    yield nats, factor * (x0 - guess) ** 2


@_proof(
    "noise's weight, by SNR",
    r"\sigma^2=\tilde\beta:\ \tfrac12\Big(\frac{\mathrm{SNR}(t-1)}{\mathrm{SNR}(t)}-1\Big)",
    weight,
    Eps.x0,
)
def _() -> Pairs:
    yield weight(Eps(), s, t, posterior), (snr_s / snr_t - 1) / 2


@_proof(
    "velocity's weight, by SNR",
    r"\sigma^2=\tilde\beta:\ \tfrac12\frac{\mathrm{SNR}(t-1)-\mathrm{SNR}(t)}{1+\mathrm{SNR}(t)}",
    weight,
    V.x0,
)
def _() -> Pairs:
    yield weight(V(), s, t, posterior), (snr_s - snr_t) / (2 * (1 + snr_t))


@_proof(
    "weights telescope",
    r"\sum_{t=2}^T\tfrac12(\mathrm{SNR}(t-1)-\mathrm{SNR}(t))=\tfrac12(\mathrm{SNR}(1)-\mathrm{SNR}(T))",
    weight,
)
def _() -> Pairs:
    path = [u, u * v, u * v * w, u * v * w * alpha]
    total = sum(weight(X0(), a, b, posterior) for a, b in pairwise(map(level, path)))
    yield total, (path[0] / (1 - path[0]) - path[-1] / (1 - path[-1])) / 2


@_proof(
    "weight at t = 1",
    r"L_0,\ \sigma_1^2=\beta_1:\ \frac1{2\alpha_1}\|\varepsilon-\hat\varepsilon\|^2",
    weight,
    Eps.x0,
)
def _() -> Pairs:
    yield weight(Eps(), start, level(alpha)), 1 / (2 * alpha)


@_proof(
    "many small steps",
    r"T\to\infty:\ \tfrac12(\mathrm{SNR}(t-h)-\mathrm{SNR}(t))\to-\tfrac h2\,\mathrm{SNR}'(t)",
)
def _() -> Pairs:
    f0, f1, f2, h = sp.symbols("f0 f1 f2 h")  # SNR(t - h) to second order
    yield sp.expand(((f0 - h * f1 + h**2 * f2 / 2) - f0) / (2 * h)).subs(h, 0), -f1 / 2


# ── worlds in which the reverse process is known ────────────────────────────────────────────────────────────

best = m + t.signal * v / V_t * (xt - t.signal * m)  # E[x_0 | x_t]


@_proof(
    "Gaussian data: estimate",
    r"\mathbb E[x_0|x_t]=m+\frac{\sqrt{\bar\alpha_t}\,V_0}{\bar\alpha_tV_0+1-\bar\alpha_t}"
    r"(x_t-\sqrt{\bar\alpha_t}\,m)",
    q_sample,
)
def _() -> Pairs:
    mean, var = complete_the_square(
        log_density(xt, q_sample(x0, 0, t), t.noise**2) + log_density(x0, m, v), x0
    )
    yield mean, best
    yield var, v * (1 - abar_t) / V_t


@_proof(
    "Gaussian data: true reverse step", r"q(x_{t-1}|x_t):\ v_t=\beta_t\,V_{t-1}/V_t", posterior, transition
)
def _() -> Pairs:
    q = transition(xs, s, t)
    mean, var = complete_the_square(log_density(xt, q.mean, q.var) + log_density(xs, s.signal * m, V_s), xs)
    yield mean, posterior(best, xt, s, t).mean
    yield var, beta * V_s / V_t


@_proof(
    "when beta, when beta-tilde",
    r"V_0=1\Rightarrow v_t=\beta_t,\quad V_0=0\Rightarrow v_t=\tilde\beta_t",
    posterior,
    posterior_beta,
)
def _() -> Pairs:
    yield (beta * V_s / V_t).subs(v, 1), posterior_beta(x0, xt, s, t).var
    yield (beta * V_s / V_t).subs(v, 0), posterior(x0, xt, s, t).var


@_proof("true step, split", r"v_t=\tilde\beta_t+c_0^2\,\mathrm{Var}(x_0|x_t)", posterior)
def _() -> Pairs:
    c0 = posterior(1, 0, s, t).mean
    yield beta * V_s / V_t, posterior(x0, xt, s, t).var + c0**2 * v * (1 - abar_t) / V_t


@_proof(
    "what no network removes",
    r"\frac{v_t}{\tilde\beta_t}=\frac{1+V_0\,\mathrm{SNR}(t-1)}{1+V_0\,\mathrm{SNR}(t)}",
    posterior,
)
def _() -> Pairs:
    yield beta * V_s / V_t / posterior(x0, xt, s, t).var, (1 + v * snr_s) / (1 + v * snr_t)


@_proof(
    "the floor of the loss",
    r"\mathrm{Var}(\varepsilon|x_t)=\frac{\bar\alpha_tV_0}{\bar\alpha_tV_0+1-\bar\alpha_t}",
    q_sample,
)
def _() -> Pairs:
    k = sp.Symbol("k", real=True)
    loss = expectation((eps - k * q_sample(root(v) * z, eps, t)) ** 2, eps, z)
    (slope,) = sp.solve(sp.diff(loss, k), k)
    yield slope, t.noise / V_t
    yield loss.subs(k, slope), abar_t * v / V_t


@_proof("tight at T = 2", r"p(x_T)=q(x_T),\ \sigma_t^2=v_t:\quad \mathbb E[-\mathrm{ELBO}]=H(x_0)", posterior)
def _() -> Pairs:
    # one step to abar_s, a second to abar_t; each KL's fraction is 1, the logs' arguments multiply to v
    p2, p1 = beta * V_s / V_t, (1 - abar_s) * v / V_s
    c0 = posterior(1, 0, s, t).mean
    yield (posterior(x0, xt, s, t).var + c0**2 * v * (1 - abar_t) / V_t) / p2, 1
    yield v * (1 - abar_s) / V_s / p1, 1
    yield V_t / (1 - abar_t) * p2 / posterior(x0, xt, s, t).var * p1, v


@_proof(
    "bound of trajectories",
    r"\mathbb E\,\mathrm{KL}(q(x_{t-1}|x_t,x_0)\|p)=\mathrm{KL}(q(x_{t-1}|x_t)\|p)"
    r"+\tfrac12\log\frac{v_t}{\tilde\beta_t}",
)
def _() -> Pairs:
    gap = sp.Symbol(
        "gap", positive=True
    )  # of the means, squared; u: beta-tilde, v: what x_0 adds, w: the model's
    left = (sp.log(w) - sp.log(u) + (u + v + gap) / w - 1) / 2
    right = (sp.log(w) - sp.log(u + v) + (u + v + gap) / w - 1) / 2 + (sp.log(u + v) - sp.log(u)) / 2
    yield left, right


# ── sampling ────────────────────────────────────────────────────────────────────────────────────────────────


@_proof(
    "ancestral step",
    r"x_{t-1}=\frac1{\sqrt{\alpha_t}}\Big(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\hat\varepsilon\Big)+\sqrt{\tilde\beta_t}\,z",
    ancestral,
    Gaussian.sample,
)
def _() -> Pairs:
    yield ancestral(Eps().x0(eps, xt, s, t), xt, s, t, z), mu_eps + root(beta_tilde) * z


@_proof("ancestral step, wide", r"\sigma_t^2=\beta_t:\ \dots+\sqrt{\beta_t}\,z", ancestral_beta)
def _() -> Pairs:
    yield ancestral_beta(Eps().x0(eps, xt, s, t), xt, s, t, z), mu_eps + root(beta) * z
    yield ancestral_beta(x0, xt, start, t, z), x0


@_proof("the last step", r"t=1:\ x_0=\hat x_0,\ \text{no noise}", ancestral, ddim)
def _() -> Pairs:
    yield ancestral(x0, xt, start, t, z), x0
    yield ddim(x0, xt, start, t, z), x0


@_proof("ancestral keeps the marginal", r"\mathrm{Var}(x_{t-1}|x_0)=1-\bar\alpha_{t-1}", ancestral, q_sample)
def _() -> Pairs:
    step = ancestral(x0, noised, s, t, z)
    yield expectation(step, eps, z), q_sample(x0, 0, s)
    yield expectation((step - q_sample(x0, 0, s)) ** 2, eps, z), s.noise**2


@_proof(
    "DDIM keeps the marginal",
    r"x_s=\sqrt{\bar\alpha_s}\,x_0+\sqrt{1-\bar\alpha_s}\,\varepsilon,\ \text{the same }\varepsilon",
    ddim,
    q_sample,
)
def _() -> Pairs:
    yield ddim(x0, noised, s, t, z), q_sample(x0, eps, s)


@_proof("guidance", r"\varepsilon-\sqrt{1-\bar\alpha_t}\,\nabla\log p(y|x_t)", Eps.x0, Score.x0)
def _() -> Pairs:
    gradient, score = sp.symbols("g score", real=True)
    yield Score().x0(score + gradient, xt, s, t), Eps().x0(-t.noise * score - t.noise * gradient, xt, s, t)


@_proof(
    "guidance mixes outputs or estimates",
    r"\text{of }\hat\varepsilon\text{ or of }\hat x_0:\ \text{the same}",
    guide,
    Eps.x0,
    V.x0,
)
def _() -> Pairs:
    plain, told, strength = sp.symbols("plain told w", real=True)
    yield guide(plain, told, sp.Integer(0)), plain
    yield guide(plain, told, sp.Integer(1)), told
    mixed = plain + strength * (told - plain)
    for kind, x in ((Eps(), (xt - t.noise * mixed) / t.signal), (V(), t.signal * xt - t.noise * mixed)):
        estimates = kind.x0(plain, xt, s, t), kind.x0(told, xt, s, t)
        yield kind.x0(guide(plain, told, strength), xt, s, t), x
        yield guide(*estimates, strength), x


@_proof("Langevin at rest", r"\mathrm{Var}(x)=\frac1{1-h/2}\ \text{on}\ \mathcal N(0,1)", langevin)
def _() -> Pairs:
    h = sp.Rational(1, 2) * u / (1 + u)  # a step below 1/2
    V_rest = 1 / (1 - h / 2)
    moved = langevin(root(V_rest) * eps, -root(V_rest) * eps, h, z)
    yield expectation(moved**2, eps, z), V_rest


# ── any signal and noise ────────────────────────────────────────────────────────────────────────────────────

noised_free = q_sample(x0, eps, free_t)  # x_t made of x_0 and eps at any level
silent = Level(sp.Integer(0), b_t)  # no signal left
strength = sp.Symbol("eta", nonnegative=True)
_law = partial(_proof, into=LEVELS)


@_law(
    "any level: kernel",
    r"q(x_t\mid x_s)=\mathcal N\Big(\frac{a_t}{a_s}x_s,\ b_t^2-\frac{a_t^2}{a_s^2}b_s^2\Big)",
    transition,
    between,
    q_sample,
)
def _() -> Pairs:
    q = transition(q_sample(x0, eps, free_s), free_s, free_t)
    yield expectation(q.mean, eps), q_sample(x0, 0, free_t)
    yield expectation((q.mean - a_t * x0) ** 2, eps) + q.var, q_sample(0, 1, free_t) ** 2
    yield q.var, b_t**2 - (a_t / a_s) ** 2 * b_s**2
    scale, var = between(free_s, free_t)
    yield scale**2 * b_s**2 + var, b_t**2


@_law("any level: kernels compose", r"q(x_t\mid x_r)=\int q(x_t\mid x_s)\,q(x_s\mid x_r)\,dx_s", transition)
def _() -> Pairs:
    first, jump = transition(xs, free_r, free_s), transition(xs, free_r, free_t)
    second = transition(first.mean, free_s, free_t)
    yield second.mean, jump.mean
    yield (a_t / a_s) ** 2 * first.var + second.var, jump.var


@_law("adding alone", r"a=1:\quad x_t=x_s+\sqrt{b_t^2-b_s^2}\,z", transition, Gaussian.sample)
def _() -> Pairs:
    before, now = Level(sp.Integer(1), b_s), Level(sp.Integer(1), root(b_s**2 + w**2))
    yield transition(xs, before, now).sample(z), xs + w * z


@_law(
    "any level: posterior",
    r"q(x_s\mid x_t,x_0)=\mathcal N\Big(a_sx_0+\frac{r\,b_s^2}{b_t^2}(x_t-a_tx_0),\ "
    r"\frac{b_s^2w}{b_t^2}\Big),\quad r=\frac{a_t}{a_s},\ w=b_t^2-r^2b_s^2",
    posterior,
    posterior_beta,
)
def _() -> Pairs:
    p, q, r = posterior(x0, xt, free_s, free_t), transition(xs, free_s, free_t), a_t / a_s
    bayes = log_density(xt, q.mean, q.var) + log_density(xs, q_sample(x0, 0, free_s), b_s**2)
    mean, var = complete_the_square(bayes, xs)
    yield p.mean, mean
    yield p.var, var
    yield mean, a_s * x0 + r * b_s**2 / b_t**2 * (xt - a_t * x0)
    yield var, b_s**2 * (b_t**2 - r**2 * b_s**2) / b_t**2
    yield posterior_beta(x0, xt, free_s, free_t).mean, mean
    yield posterior_beta(x0, xt, free_s, free_t).var, b_t**2 - r**2 * b_s**2


@_law(
    "no signal left",
    r"a_t=0:\quad q(x_s\mid x_t,x_0)=\mathcal N(a_sx_0,\ b_s^2),\quad x_0\ \text{from}\ v,\ u,\ \tilde\mu",
    posterior,
    V.x0,
    Flow.x0,
    Mu.x0,
)
def _() -> Pairs:
    p = posterior(x0, xt, free_s, silent)
    yield p.mean, a_s * x0
    yield p.var, b_s**2
    for kind in (V(), Flow(), Mu()):
        noise = q_sample(x0, eps, silent)
        yield kind.x0(kind.target(x0, eps, noise, free_s, silent), noise, free_s, silent), x0


@_law(
    "any level: outputs",
    r"\varepsilon,\ v=a_t\varepsilon-b_tx_0,\ u=\varepsilon-x_0,\ -\varepsilon/b_t,\ \tilde\mu\ \to\ "
    r"\hat x_0=x_0",
    Eps.target,
    Eps.x0,
    X0.target,
    X0.x0,
    V.target,
    V.x0,
    Flow.target,
    Flow.x0,
    Score.target,
    Score.x0,
    Mu.target,
    Mu.x0,
)
def _() -> Pairs:
    for kind in (Eps(), X0(), V(), Flow(), Score(), Mu()):
        yield kind.x0(kind.target(x0, eps, noised_free, free_s, free_t), noised_free, free_s, free_t), x0


@_law(
    "any level: noise",
    r"\varepsilon=\frac{b_tx_t+a_tv}{a_t^2+b_t^2}=\frac{x_t+a_tu}{a_t+b_t}",
    V.target,
    Flow.target,
)
def _() -> Pairs:
    velocity, flow = (kind.target(x0, eps, noised_free, free_s, free_t) for kind in (V(), Flow()))
    yield (b_t * noised_free + a_t * velocity) / (a_t**2 + b_t**2), eps
    yield (noised_free + a_t * flow) / (a_t + b_t), eps


@_law(
    "any level: velocity",
    r"\hat x_0=\frac{a_tx_t-b_tv}{a_t^2+b_t^2}",
    V.x0,
)
def _() -> Pairs:
    yield V().x0(v, xt, free_s, free_t), (a_t * xt - b_t * v) / (a_t**2 + b_t**2)


@_law(
    "flow",
    r"u=\varepsilon-x_0:\quad \hat x_0=\frac{x_t-b_tu}{a_t+b_t}",
    Flow.target,
    Flow.x0,
)
def _() -> Pairs:
    yield Flow().target(x0, eps, xt, free_s, free_t), eps - x0
    yield Flow().x0(u, xt, free_s, free_t), (xt - b_t * u) / (a_t + b_t)


@_law(
    "DDIM on the straight path",
    r"a=1-t,\ b=t:\quad x_s=x_t+(s-t)\,u,\ \text{Euler's step}",
    ddim,
    Flow.x0,
)
def _() -> Pairs:
    before, now = Level(1 - v, v), Level(1 - w, w)
    yield ddim(Flow().x0(u, xt, before, now), xt, before, now, z), xt + (v - w) * u


@_law(
    "probability flow",
    r"\frac{dx}{dt}=a'\,\hat x_0+b'\,\hat\varepsilon:\ \text{DDIM's step as}\ s\to t",
    ddim,
)
def _() -> Pairs:
    h, da, db = sp.symbols("h da db", real=True)
    step = ddim(x0, xt, Level(a_t + h * da, b_t + h * db), free_t, z)
    yield step.subs(h, 0), xt
    yield sp.diff(step, h), da * x0 + db * (xt - a_t * x0) / b_t


@_law(
    "velocity from the estimate",
    r"a=1-t,\ b=t:\quad u=\frac{x_t-\hat x_0}{t}",
    Flow.x0,
)
def _() -> Pairs:
    before, now = Level(1 - v, v), Level(1 - w, w)
    yield Flow().x0((xt - x0) / w, xt, before, now), x0


@_law(
    "flow matching's minimum",
    r"\mathbb E[(\varepsilon-x_0-\hat u)^2\mid x_t]=(\hat u-u)^2+\mathrm{Var}(\varepsilon-x_0\mid x_t),"
    r"\ \text{three pairs}",
    Flow.target,
    Flow.x0,
)
def _() -> Pairs:
    pictures, c = sp.symbols("a1:4", real=True), sp.symbols("c1:4", positive=True)
    noises = [(xt - a_t * a) / b_t for a in pictures]  # all three lead to x_t
    targets = [Flow().target(a, e, xt, free_s, free_t) for a, e in zip(pictures, noises, strict=True)]

    def mean(values: Iterable[sp.Expr]) -> sp.Expr:
        return sum(k * value for k, value in zip(c, values, strict=True)) / sum(c)

    best = mean(targets)
    error, least = (mean((target - out) ** 2 for target in targets) for out in (u, best))
    yield error - least, (u - best) ** 2
    yield best, mean(noises) - mean(pictures)
    yield Flow().x0(best, xt, free_s, free_t), mean(pictures)


@_law(
    "EDM",
    r"a=1,\ b=\sigma:\ \hat x_0=\frac{x_t}{1+\sigma^2}+\frac{\sigma F}{\sqrt{1+\sigma^2}},"
    r"\ F=\frac{-v}{\sqrt{1+\sigma^2}}",
    V.x0,
)
def _() -> Pairs:
    now, out = Level(sp.Integer(1), w), sp.Symbol("F", real=True)
    size = root(1 + w**2)
    yield V().x0(-size * out, xt, free_s, now), xt / size**2 + w / size * out


def _wind(x: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """For data N(0, v), at x: DDIM's empty step, the flow's velocity, the slope of log density in time."""
    h, da, db = sp.symbols("h da db", real=True)
    width = a_t**2 * v + b_t**2
    step = ddim(a_t * v * x / width, x, Level(a_t + h * da, b_t + h * db), free_t, z)
    log_p = -(x**2) / (2 * width) - sp.log(width) / 2
    return step.subs(h, 0), sp.diff(step, h), sp.diff(log_p, a_t) * da + sp.diff(log_p, b_t) * db


@_law(
    "continuity",
    r"\frac{\partial p_t}{\partial t}=-\frac{\partial(p_tu)}{\partial x},\ \text{data }\mathcal N(0,V_0)",
    ddim,
)
def _() -> Pairs:
    here, wind, slope = _wind(xt)
    score = -xt / (a_t**2 * v + b_t**2)
    yield here, xt
    yield slope, -(sp.diff(wind, xt) + wind * score)  # both sides over p_t


@_law(
    "density along the flow",
    r"\frac{d}{dt}\log p_t(x_t)=-\frac{\partial u}{\partial x},\ \text{data }\mathcal N(0,V_0)",
    ddim,
)
def _() -> Pairs:
    here, wind, slope = _wind(xt)
    yield here, xt
    yield slope + wind * -xt / (a_t**2 * v + b_t**2), -sp.diff(wind, xt)


@_law(
    "any level: DDIM keeps the marginal",
    r"x_s=a_sx_0+b_s\varepsilon,\ \text{the same }\varepsilon",
    ddim,
    q_sample,
)
def _() -> Pairs:
    yield ddim(x0, noised_free, free_s, free_t, z), q_sample(x0, eps, free_s)


@_law(
    "eta",
    r"\sigma=\eta\,\frac{b_s\sqrt w}{b_t}:\quad "
    r"x_s=a_s\hat x_0+\sqrt{b_s^2-\sigma^2}\,\hat\varepsilon+\sigma z",
    ddim_eta,
)
def _() -> Pairs:
    sigma = strength * b_s * root(b_t**2 - (a_t / a_s) ** 2 * b_s**2) / b_t
    step = ddim_eta(x0, xt, free_s, free_t, z, strength)
    yield step, a_s * x0 + root(b_s**2 - sigma**2) * (xt - a_t * x0) / b_t + sigma * z


@_law(
    "eta from 0 to 1",
    r"\eta=0:\ \text{DDIM},\quad \eta=1:\ \text{the ancestral step}",
    ddim_eta,
    ddim,
    ancestral,
)
def _() -> Pairs:
    at = x0, xt, free_s, free_t, z
    yield ddim_eta(*at, sp.Integer(0)), ddim(*at)
    yield ddim_eta(*at, sp.Integer(1)), ancestral(*at)


@_law("eta keeps the marginal", r"\mathrm{Var}(x_s\mid x_0)=b_s^2\ \text{for every }\eta", ddim_eta, q_sample)
def _() -> Pairs:
    step = ddim_eta(x0, noised_free, free_s, free_t, z, strength)
    yield expectation(step, eps, z), q_sample(x0, 0, free_s)
    yield expectation((step - a_s * x0) ** 2, eps, z), b_s**2


@_law(
    "same ratio, other scale",
    r"c=\sqrt{a^2+b^2}:\quad x_t/c_t\ \text{is a chain that preserves variance}",
    ddim,
    posterior,
)
def _() -> Pairs:
    (c_s, kept_s), (c_t, kept_t) = (
        (c := root(a**2 + b**2), Level(a / c, b / c)) for a, b in (free_s, free_t)
    )
    (mean, var), r = posterior(x0, xt / c_t, kept_s, kept_t), a_t / a_s
    yield ddim(x0, xt / c_t, kept_s, kept_t, z) * c_s, a_s * x0 + b_s / b_t * (xt - a_t * x0)
    yield mean * c_s, a_s * x0 + r * b_s**2 / b_t**2 * (xt - a_t * x0)
    yield var * c_s**2, b_s**2 * (b_t**2 - r**2 * b_s**2) / b_t**2


@_law(
    "any level: prior term",
    r"p(x_T)=\mathcal N(0,b_T^2):\quad L_T=\tfrac12\,\mathrm{SNR}(T)\,x_0^2",
    prior,
    Gaussian.gap,
    Gaussian.ratio,
)
def _() -> Pairs:
    nats = prior(traced(x0), Level(*map(traced, free_t)), traced(b_t**2))
    yield nats, (a_t / b_t) ** 2 * x0**2 / 2


@_law(
    "any level: weights",
    r"\sigma^2=\tilde\beta:\ \tfrac12\big(\mathrm{SNR}(s)-\mathrm{SNR}(t)\big)\ \text{of}\ x_0,\quad "
    r"\Big(\frac{b_t}{a_t+b_t}\Big)^2\ \text{times that of}\ u",
    weight,
    X0.x0,
    Flow.x0,
)
def _() -> Pairs:
    factor = ((a_s / b_s) ** 2 - (a_t / b_t) ** 2) / 2
    yield weight(X0(), free_s, free_t, posterior), factor
    yield weight(Flow(), free_s, free_t, posterior), factor * (b_t / (a_t + b_t)) ** 2


# ── walks, with free levels ─────────────────────────────────────────────────────────────────────────────────


class _World:
    """Symbols to walk through: levels s, t, r at times 1, 2, 3, and estimates that are affine in x_t."""

    T = 4  # walks start below it, where x_T may hold signal
    levels = (start, free_s, free_t, free_r)
    slopes, offsets, depths = (sp.symbols(f"{name}0:4", real=True) for name in "klh")  # at each time

    @property
    def schedule(self) -> Self:
        return self

    def at(self, t: int) -> Level:
        return Level(*map(traced, self.levels[t]))

    def half_log_snr(self, t: int) -> Traced:
        return traced(self.depths[t])

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        return traced(self.slopes[int(t)]) * x + traced(self.offsets[int(t)])

    def x0(self, x: sp.Expr, t: int) -> sp.Expr:
        return self.slopes[t] * x + self.offsets[t]


world = _World()
x_3 = traced(xt, 1, 1)


def _moved(x: sp.Expr, estimate: sp.Expr, s: Level, t: Level) -> sp.Expr:
    """DDIM's step as DPM-Solver writes it, with e^-h the ratio of a/b at t and at s."""
    shrink = t.signal / t.noise * s.noise / s.signal  # e^-h
    return s.noise / t.noise * x - s.signal * (shrink - 1) * estimate


@_law(
    "DPM-Solver++ 2M",
    r"x_s=\frac{b_s}{b_t}x_t-a_s(e^{-h}-1)\Big[\Big(1+\frac1{2\rho}\Big)\hat x_0(t)-"
    r"\frac1{2\rho}\hat x_0(r)\Big],\quad \rho=\frac{\lambda_t-\lambda_r}{\lambda_s-\lambda_t}",
    dpm_2m,
    ddim,
)
def _() -> Pairs:
    first = _moved(xt, world.x0(xt, 3), free_t, free_r)
    rho = (world.depths[2] - world.depths[3]) / (world.depths[1] - world.depths[2])
    better = (1 + 1 / (2 * rho)) * world.x0(first, 2) - world.x0(xt, 3) / (2 * rho)
    second = _moved(first, better, free_s, free_t)
    found = [frame.xt for frame in dpm_2m(world, x_3, [3, 2, 1, 0])]
    yield from zip(found, [xt, first, second, world.x0(second, 1)], strict=True)


@_law(
    "Heun",
    r"x_s=x_t+(a_s-a_t)\,\hat x_0+(b_s-b_t)\,\hat\varepsilon,\ \text{means of both ends}",
    heun,
)
def _() -> Pairs:
    guess = _moved(xt, world.x0(xt, 3), free_t, free_r)
    ends = [(world.x0(x, k), x, level) for x, k, level in ((xt, 3, free_r), (guess, 2, free_t))]
    x0 = sum(x0 for x0, _, _ in ends) / 2
    noise = sum((x - level.signal * x0) / level.noise for x0, x, level in ends) / 2
    first = xt + (free_t.signal - free_r.signal) * x0 + (free_t.noise - free_r.noise) * noise
    found = [frame.xt for frame in heun(world, x_3, [3, 2, 0])]
    yield from zip(found, [xt, first, world.x0(first, 2)], strict=True)


@_law(
    "inversion",
    r"x_t=a_tx_0,\ \text{then DDIM upwards}",
    invert,
    ddim,
)
def _() -> Pairs:
    first = a_s * xt
    second = _moved(first, world.x0(first, 1), free_t, free_s)
    found = [frame.xt for frame in invert(world, x_3, [3, 2, 1, 0])]
    yield from zip(
        found, [xt, first, second, _moved(second, world.x0(second, 2), free_r, free_t)], strict=True
    )
