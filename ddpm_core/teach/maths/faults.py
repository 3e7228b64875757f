"""The table of what is false: the faults of the lecture notes, and other wrong identities that circulate.

A fault holds what is printed and what is right, the identity that sympy refutes, and a sampler that follows
it: a wrong rule, or a network that was trained with the wrong line and is then sampled with the right rule.
The variance of a step is beta_t throughout, as in the notes' algorithm, so `ancestral_beta` is the right
sampler to compare with.
"""

# mypy: disable-error-code="arg-type"

from operator import attrgetter
from typing import NamedTuple

import sympy as sp

from ...elbo import weight
from ...prediction import X0, Eps, Score, V
from ...process import posterior, posterior_beta, q_sample, transition
from ...sampling import Rule, ancestral_beta, ddim
from ..text.markup import plain
from .symbols import (
    Identity,
    V_s,
    V_t,
    abar_s,
    abar_t,
    alpha,
    beta,
    eps,
    expectation,
    level,
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
from .traced import normal
from .wrong import (
    Trained,
    as_it_is,
    barred_root,
    barred_scale,
    both_bars_lost,
    means_only,
    noise_for_picture,
    noisy_to_the_end,
    one_bar_lost,
    only_added,
    picture_as_noise,
    picture_lost,
    same_noise_again,
    stepping,
    trained_on,
    unbarred_noise,
    unshrunk,
)

LECTURES = {
    "DDPM": ("Introduction to DDPMs", "N0OOnTKMYJE"),
    "sampling": ("Inference and Sampling in DDPMs", "0p7T-3WiPnQ"),
    "ELBO": ("The ELBO for DDPMs", "AnWitwNPnN4"),
    "noise": ("Alternate Interpretations of DDPMs", "30fSjB8oGN0"),
    "paper": ("the paper session on DDPM", "_d-san8W1Js"),
}


class Fault(NamedTuple):
    """A wrong line of the notes: what is printed, what is right, and a sampler that follows it."""

    number: str
    title: str
    lecture: str  # a key of LECTURES
    second: int  # in the lecture's video, 0 if the notes' times disagree
    printed: str  # LaTeX
    right: str
    rule: Rule = ancestral_beta
    denoiser: Trained = as_it_is
    false: Identity | None = None  # None: the formula is right, but used in the wrong place

    def _repr_markdown_(self) -> str:
        title, video = LECTURES[self.lecture]
        minute = f", {self.second // 60:02d}:{self.second % 60:02d}" if self.second else ""
        link = f"https://www.youtube.com/watch?v={video}" + (f"&t={self.second}s" if self.second else "")
        return (
            f"**{self.number} · {self.title}** ([{title}{minute}]({link}))\n\n"
            f"| | |\n|---|---|\n"
            f"| printed | $\\displaystyle {self.printed}$ |\n| right | $\\displaystyle {self.right}$ |"
        )

    def __repr__(self) -> str:
        title, printed, right = (plain(x) for x in (self.title, f"${self.printed}$", f"${self.right}$"))
        return f"{self.number} · {title}: printed {printed}, right {right}"


BRACKET = r"\Big(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}\,\hat\varepsilon\Big)"
MEAN = r"\mu_\theta=\frac1{\sqrt{\alpha_t}}" + BRACKET
POSTERIOR = (
    r"\tilde\mu_t=\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}\,\beta_t\,x_0}"
    r"{1-\bar\alpha_t}"
)
NOISED = r"x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon"
ONE_BAR_LOST = r"x_t=\sqrt{\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon"
BOTH_BARS_LOST = r"x_t=\sqrt{\alpha_t}\,x_0+\sqrt{1-\alpha_t}\,\varepsilon"
STEP = r"x_{t-1}=\mu_\theta+\sigma_t\,z,\quad z\ \text{fresh}"

RIGHT = Fault("right", "the right sampler", "sampling", 262, STEP, STEP)


# ── faults of the notes that a sampler can follow ───────────────────────────────────────────────────────────

_RUN = (
    Fault(
        "E01",
        "the weight of $x_t$",
        "sampling",
        233,
        r"\tilde\mu_t=\frac{\sqrt{\bar\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}\,\beta_t\,x_0}"
        r"{1-\bar\alpha_t}",
        POSTERIOR,
        rule=stepping(barred_root),
        false=Identity(
            "E01",
            r"\tilde\mu_t:\ \sqrt{\bar\alpha_t}(1-\bar\alpha_{t-1})x_t",
            lambda: [(posterior(x0, xt, s, t).mean, barred_root(x0, xt, s, t))],
        ),
    ),
    Fault(
        "E02",
        "the scale of the mean",
        "sampling",
        233,
        r"\mu_\theta=\frac1{\sqrt{\bar\alpha_t}}" + BRACKET,
        MEAN,
        rule=stepping(barred_scale),
        false=Identity(
            "E02",
            r"\mu=\frac1{\sqrt{\bar\alpha_t}}(\dots)",
            lambda: [(posterior(x0, xt, s, t).mean, barred_scale(x0, xt, s, t))],
        ),
    ),
    Fault(
        "E03",
        "the bar under the root",
        "sampling",
        416,
        MEAN.replace(r"\sqrt{1-\bar\alpha_t}", r"\sqrt{1-\alpha_t}"),
        MEAN,
        rule=stepping(unbarred_noise),
        false=Identity(
            "E03, E04",
            r"\mu=\frac1{\sqrt{\alpha_t}}\big(x_t-\frac{1-\alpha_t}{\sqrt{1-\alpha_t}}\varepsilon\big)",
            lambda: [(posterior(x0, xt, s, t).mean, unbarred_noise(x0, xt, s, t))],
        ),
    ),
    Fault(
        "E06",
        "one bar lost in training",
        "noise",
        921,
        ONE_BAR_LOST,
        NOISED,
        denoiser=trained_on(one_bar_lost),
        false=Identity("E06", ONE_BAR_LOST, lambda: [(q_sample(x0, eps, t), one_bar_lost(x0, eps, s, t))]),
    ),
    Fault(
        "E07",
        "both bars lost in training",
        "noise",
        0,
        BOTH_BARS_LOST,
        NOISED,
        denoiser=trained_on(both_bars_lost),
        false=Identity(
            "E07", BOTH_BARS_LOST, lambda: [(q_sample(x0, eps, t), both_bars_lost(x0, eps, s, t))]
        ),
    ),
    Fault(
        "E08",
        "noise in the place of the picture",
        "noise",
        0,
        r"\mu_q=\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}\,\varepsilon_t",
        POSTERIOR,
        rule=stepping(noise_for_picture),
        false=Identity(
            "E08",
            r"\mu_q=\sqrt{\alpha_t}(1-\bar\alpha_{t-1})x_t+\sqrt{\bar\alpha_{t-1}}\,\varepsilon_t",
            lambda: [(posterior(x0, xt, s, t).mean, noise_for_picture(x0, xt, s, t))],
        ),
    ),
    Fault(
        "E09",
        "the picture left out",
        "noise",
        0,
        r"\mu_q=\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}(1-\alpha_t)}{1-\bar\alpha_t}",
        POSTERIOR,
        rule=stepping(picture_lost),
        false=Identity(
            "E09",
            r"\mu_q:\ x_0\text{ lost}",
            lambda: [(posterior(x0, xt, s, t).mean, picture_lost(x0, xt, s, t))],
        ),
    ),
    Fault(
        "E14",
        "one output read as another",
        "sampling",
        472,
        r"\hat x_0\ \text{in the place of}\ \hat\varepsilon",
        r"\hat x_0=(x_t-\sqrt{1-\bar\alpha_t}\,\hat\varepsilon)/\sqrt{\bar\alpha_t}",
        rule=picture_as_noise,
    ),
    Fault(
        "E15",
        "noise at the last step",
        "sampling",
        148,
        r"x_0\sim p_\theta(x_0\mid x_1)",
        r"x_0=\mu_\theta(x_1,1)",
        rule=noisy_to_the_end,
    ),
    Fault(
        "E30",
        "adding without shrinking",
        "DDPM",
        672,
        r"x_t=x_{t-1}+\sqrt{\beta_t}\,\varepsilon_t",
        r"x_t=\sqrt{1-\beta_t}\,x_{t-1}+\sqrt{\beta_t}\,\varepsilon_t",
        denoiser=only_added,
        false=Identity(
            "E30",
            r"x_t=x_{t-1}+\sqrt{\beta_t}\,\varepsilon\text{ keeps variance 1}",
            lambda: [(expectation(unshrunk(z, eps, s, t) ** 2, z, eps), 1)],
        ),
    ),
    Fault("E31", "removing without adding", "sampling", 0, r"x_{t-1}=\mu_\theta", STEP, rule=means_only),
    Fault(
        "E33",
        "one letter for two noises",
        "sampling",
        262,
        r"x_{t-1}=\mu_\theta+\sigma_t\,\hat\varepsilon",
        STEP,
        rule=same_noise_again,
    ),
)
FAULTS: dict[str, Fault] = {fault.number: fault for fault in _RUN}


# ── false identities: those of the faults, and others ───────────────────────────────────────────────────────

_NUMBERED = (
    *(fault.false for fault in _RUN if fault.false),
    Identity(
        "E05",
        r"\Big(\frac{1-\alpha_t}{\sqrt{\alpha_t}(1-\bar\alpha_t)}\Big)^2",
        lambda: [(weight(Eps(), s, t) * 2 * beta, (beta / (sp.sqrt(alpha) * (1 - abar_t))) ** 2)],
    ),
    Identity(
        "E11",
        r"\text{E01 with }\hat x_0\text{ put in gives E02}",
        lambda: [(barred_root(x0, xt, s, t), barred_scale(x0, xt, s, t))],
    ),
    Identity(
        "E12",
        r"\sigma_t^2\text{ of the posterior is }\beta_t",
        lambda: [(posterior(x0, xt, s, t).var, posterior_beta(x0, xt, s, t).var)],
    ),
)
_NAMED = (
    Identity(
        "a root lost",
        r"x_t=\bar\alpha_t x_0+(1-\bar\alpha_t)\varepsilon",
        lambda: [(q_sample(x0, eps, t), abar_t * x0 + (1 - abar_t) * eps)],
    ),
    Identity(
        "the tower with E01",
        r"\mathbb E[\mu|x_0]=\sqrt{\bar\alpha_{t-1}}x_0",
        lambda: [(expectation(barred_root(x0, q_sample(x0, eps, t), s, t), eps), q_sample(x0, 0, s))],
    ),
    Identity(
        "variances of steps add",
        r"\mathrm{Var}(x_t|x_r)=\beta_s+\beta_t",
        lambda: [(transition(xs, level(u), level(u * v * w)).var, (1 - v) + (1 - w))],
    ),
    Identity(
        "beta-tilde upside down",
        r"\tilde\beta_t=\frac{1-\bar\alpha_t}{1-\bar\alpha_{t-1}}\beta_t",
        lambda: [(posterior(x0, xt, s, t).var, beta * (1 - abar_t) / (1 - abar_s))],
    ),
    Identity(
        "variances add, not precisions",
        r"\tilde\beta_t=\frac{\beta_t}{\alpha_t}+1-\bar\alpha_{t-1}",
        lambda: [(posterior(x0, xt, s, t).var, beta / alpha + 1 - abar_s)],
    ),
    Identity(
        "KL turned round",
        r"\mathrm{KL}(p\|q)=\mathrm{KL}(q\|p)",
        lambda: [(normal(m, v).kl(normal(n, w)), normal(n, w).kl(normal(m, v)))],
    ),
    Identity(
        "KL without its half",
        r"\mathrm{KL}=(\mu_1-\mu_2)^2/\sigma^2",
        lambda: [(normal(m, v).kl(normal(n, v)), (m - n) ** 2 / v)],
    ),
    Identity(
        "velocity, sign",
        r"v=\sqrt{\bar\alpha_t}\,\varepsilon+\sqrt{1-\bar\alpha_t}\,x_0",
        lambda: [(V().target(x0, eps, xt, s, t), t.signal * eps + t.noise * x0)],
    ),
    Identity(
        "score without its scale",
        r"\nabla\log q=-\varepsilon",
        lambda: [(Score().target(x0, eps, xt, s, t), -eps)],
    ),
    Identity(
        "Tweedie, root for variance",
        r"\sqrt{\bar\alpha_t}\hat x_0=x_t+\sqrt{1-\bar\alpha_t}\,\nabla\log q",
        lambda: [(t.signal * Score().x0(z, xt, s, t), xt + t.noise * z)],
    ),
    Identity(
        "picture without its scale",
        r"\hat x_0=x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon",
        lambda: [(Eps().x0(eps, xt, s, t), xt - t.noise * eps)],
    ),
    Identity(
        "SNR, off by one",
        r"\tfrac12(\mathrm{SNR}(t)-\mathrm{SNR}(t-1))",
        lambda: [(weight(X0(), s, t, posterior), (snr_t - snr_s) / 2)],
    ),
    Identity(
        "L_simple is the bound",
        r"\text{weight of the noise}=1",
        lambda: [(weight(Eps(), s, t), 1)],
    ),
    Identity(
        "DDIM with fresh noise",
        r"x_s=\sqrt{\bar\alpha_s}\hat x_0+\sqrt{1-\bar\alpha_s}\,z",
        lambda: [(ddim(x0, xt, s, t, z), q_sample(x0, z, s))],
    ),
    Identity(
        "true reverse step",
        r"q(x_{t-1}|x_t)=q(x_{t-1}|x_t,x_0)",
        lambda: [(beta * V_s / V_t, posterior(x0, xt, s, t).var)],
    ),
)
REFUTED: dict[str, Identity] = {
    identity.name: identity for identity in (*sorted(_NUMBERED, key=attrgetter("name")), *_NAMED)
}
