"""Predicting the noise: five outputs of one network, and the weights between their losses."""

from collections.abc import Callable

import torch
from torch import Tensor

from ...denoiser import Denoiser
from ...elbo import weight
from ...prediction import Eps, Score, V
from ...process import posterior, q_sample
from ...schedule import Level, Schedule
from ..judge import SCHEDULE, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import SCHEDULE as LINEAR
from .inputs import TWO_MODES_VARIANCE, one, steps, training


def _eps_split(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt / t.signal - t.noise / t.signal * out


def _eps_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    abar = t.signal**2
    return (xt - (1 - abar) ** 0.5 * out) / abar**0.5


def _eps_ratio(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    signal, noise = t
    return (xt / noise - out) * (noise / signal)


def _eps_plus(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt + t.noise * out) / t.signal


def _eps_no_division(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt - t.noise * out


def _eps_times(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - t.noise * out) * t.signal


def _eps_variance(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - t.noise**2 * out) / t.signal


def _eps_before(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - s.noise * out) / s.signal


def _eps_plain(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt - out


def _score_split(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt / t.signal + t.noise**2 / t.signal * out


def _score_eps(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return Eps().x0(-t.noise * out, xt, s, t)


def _score_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt + (1 - t.signal**2) * out) / t.signal


def _score_minus(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - t.noise**2 * out) / t.signal


def _score_no_division(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt + t.noise**2 * out


def _v_by_eps(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return Eps().x0(t.noise * xt + t.signal * out, xt, s, t)


def _v_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    abar = t.signal**2
    return abar**0.5 * xt - (1 - abar) ** 0.5 * out


def _v_turned(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return -(t.noise * out - t.signal * xt)


def _v_plus(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return t.signal * xt + t.noise * out


def _v_noise(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return t.noise * xt + t.signal * out


def _v_swapped(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return t.noise * xt - t.signal * out


def _v_divided(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt - t.noise / t.signal * out


Table = Callable[[Schedule], Tensor]
Loss = Callable[[Denoiser, Tensor, Tensor, Tensor], Tensor]


def _loss(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    level = denoiser.schedule.level(t, x0)
    xt = level.signal * x0 + level.noise * eps
    return (eps - denoiser.net(xt, t)).pow(2).flatten(1).sum(1)


def _loss_abar(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    abar = denoiser.schedule.abar.to(x0)[t][:, None]
    gap = denoiser.net(abar**0.5 * x0 + (1 - abar) ** 0.5 * eps, t) - eps
    return torch.einsum("bd,bd->b", gap, gap)


def _loss_norm(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    xt = q_sample(x0, eps, denoiser.schedule.level(t, x0))
    return torch.linalg.vector_norm(eps - denoiser.net(xt, t), dim=1) ** 2


def _mixed(signal: Table, noise: Table) -> Loss:
    """The loss with x_t mixed with other factors: signal(schedule) x_0 + noise(schedule) eps."""

    def loss(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        a, b = (table(denoiser.schedule)[t][:, None] for table in (signal, noise))
        return ((eps - denoiser.net(a * x0 + b * eps, t)) ** 2).sum(1)

    return loss


def _compared(how: Callable[[Tensor], Tensor], target: Callable[..., Tensor]) -> Loss:
    """The loss how(target - output) with another target(x0, eps, xt, level), or another measure."""

    def loss(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        level = denoiser.schedule.level(t, x0)
        xt = q_sample(x0, eps, level)
        return how(target(x0, eps, xt, level) - denoiser.net(xt, t))

    return loss


def _square(gap: Tensor) -> Tensor:
    return (gap**2).sum(1)


TIMES, BATCH = torch.arange(1, 1001), torch.zeros(1000, dtype=torch.float64)
WEIGHTS = weight(Eps(), LINEAR.level(TIMES - 1, BATCH), LINEAR.level(TIMES, BATCH))  # sigma^2 = beta
ABARS, NOISES = LINEAR.abar[1:], (1 - LINEAR.abar[1:]).sqrt()
PRINTED = 2 * WEIGHTS * LINEAR.betas[1:] / (1 - ABARS)  # the weights as in the notes
WIDTHS = 1 - 0.75 * ABARS  # variances of x_t for data of variance 1/4
BEFORE, NOW = LINEAR.level(499), LINEAR.level(500)
BETA_10, VARIANCE_10 = LINEAR.betas[10], 1 - LINEAR.abar[10]
RATIO = float(NOW.noise / NOW.signal)

NUMBERS = {
    "hidden_100": 1 - 1 / (1 + 0.25 * LINEAR.snr[100]),  # Var(eps | x_t) for data of variance 1/4
    "simple": NOISES.sum() / WIDTHS.sum(),
    "bound": WEIGHTS @ NOISES / (WEIGHTS @ WIDTHS),
    "picture": Eps().x0(one(0.5), one(1), BEFORE, NOW),
    "barless": (1 - LINEAR.betas[500] ** 0.5 * 0.5) / LINEAR.alphas[500] ** 0.5,
    "blind": 1 - NOISES.mean() ** 2,
    "told": ABARS.mean(),
    "half_noise": NOW.noise / 2,
    "gap": NOW.signal + NOW.noise / 2 - 1,
    "mixed": q_sample(one(1), one(0.5), BEFORE),
    "printed": PRINTED[:10].sum() / PRINTED.sum(),
    "first_factor": 1 / (2 * LINEAR.betas[1]),
    "last_factor": 1 / (2 * LINEAR.betas[1000]),
    "magnified_1": LINEAR.snr[1] ** -0.5,
    "magnified_1000": LINEAR.snr[1000] ** -0.5,
    "two_modes": TWO_MODES_VARIANCE,
    "rootless": NOW.signal**4 * TWO_MODES_VARIANCE + NOW.noise**4,
    "rooted": NOW.signal**2 * TWO_MODES_VARIANCE + NOW.noise**2,
    "slope": 0.1**0.5 / 0.325,
    "one_step": posterior(Eps().x0(one(0.5), one(1), BEFORE, NOW), one(1), BEFORE, NOW).mean,
    "factor": BETA_10**2 / (LINEAR.alphas[10] * VARIANCE_10),
    "printed_factor": BETA_10**2 / (LINEAR.alphas[10] * VARIANCE_10**2),
    "too_large": 1 / VARIANCE_10,
    "slip": (0.1 / 0.9) ** 0.5,
    "slip_squared": 0.1 / 0.9,
    "usual": WEIGHTS[0],
    "early": WEIGHTS[:10].sum() / WEIGHTS.sum(),
    "early_simple": 10 / 1000,
}

EXERCISES = [
    Prose(
        id="04.1",
        title="Why regress on the noise?",
        prompt="In a few sentences: what is gained by letting the network predict the noise, and what is "
        "not?",
        rubric=[
            "A first benefit: a target of the same scale at every t, training pairs for free at any t, a "
            "plain squared error, or the tie to the score.",
            "A second benefit, of these or better samples in practice.",
            r"Given $x_t$, the mean, $x_0$ and $\varepsilon$ say the same: up to a weight it is the same "
            r"regression.",
            r"A limit: with the weights dropped it isn't the ELBO any more, or $\varepsilon$ is hardly "
            r"predictable at small t, or errors in $x_0$ grow at large t.",
        ],
        models=[
            "The noise has the same scale at every t, and pairs for training cost nothing: draw x_0, t and "
            "eps. Given x_t, predicting eps, x_0 or the mean is the same regression up to a weight. But "
            "dropping the weight changes the objective, so it is no longer the ELBO.",
        ],
        mistakes=[
            Mistake(
                "exact noise",
                "The noise can't be known exactly from $x_t$: in smooth data hardly any of it at t = 2. The "
                "best network gives its mean, and at t = 100 a loss of ⟨hidden_100:.3f⟩ of 1 remains (data "
                "N(1, 0.25)).",
                "It is better because the exact noise can be predicted and then removed.",
                r"^(?!.*\b(targets?|trained (on|with|against)|compare[ds]?)\b).*"
                r"(exact(ly)?\b(?! the same).{0,20}noise|noise.{0,30}\bexactly(?! the same))",
            ),
            Mistake(
                "for conditions",
                "Conditions don't need it: a network for $x_0$ can be given a label just as well. The score "
                "explains guidance; no output is required for it.",
                "We need noise prediction because it is needed for conditional generation.",
                r"(needed|required|necessary|essential) for condition",
            ),
            Mistake(
                "same optimum",
                r"Not with weights shared over t. For $\hat\varepsilon$ = c · $x_t$ on data N(0, 0.25), "
                r"$L_{\text{simple}}$ puts c at ⟨simple:.3f⟩, the ELBO at ⟨bound:.3f⟩: they care "
                r"differently about t = 2 and t = 1000.",
                "It is simply equivalent to the ELBO so we get the same optimum.",
                r"^(?!.*\b(weights? (is |are )?(kept|in)\b|with (its|the|their) (own )?weights?|drop)).*"
                r"(equivalent to the elbo|same (optimum|objective) as the elbo)",
            ),
        ],
        hints=[
            "What are mean and variance of the target, at t = 2 and at t = 1000?",
            r"What does the step from the ELBO to $L_{\text{simple}}$ drop?",
        ],
        worked=r"The target is $\mathcal N(0,I)$ at every $t$; pairs are made on the spot for any $t$; the "
        r"loss is a plain squared error; the output is the score up to a factor. Given $x_t$, the mean, "
        r"$x_0$ and $\varepsilon$ differ by an affine map, so it is the same regression up to a weight. "
        r"Dropping the weight is a choice: $L_{\text{simple}}$ gives better pictures and a slightly worse "
        r"likelihood. And at small $t$ the noise is hardly predictable, while at large $t$ an error in it "
        r"is magnified in $\hat x_0$.",
        right="Good: what is gained, what stays the same, and what it costs.",
    ),
    Symbolic(
        id="04.2",
        title="$x_0$ from $x_t$ and the noise",
        prompt=r"Given $x_t$ and the noise $\varepsilon$ in it, what is $x_0$? (The notes pose this with "
        r"$\sqrt{\alpha_t}$ and $\sqrt{1-\alpha_t}$, without bars. That is one step of the chain, and "
        r"inverting it gives $x_{t-1}$. Start from the closed form of $x_t$, with bars.)",
        answer="(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
        given=("x_t", "eps", *SCHEDULE),
        also=[
            "x_t/√ᾱ_t − √(1/ᾱ_t − 1) ε",
            r"\frac{x_t - \sqrt{1-\bar\alpha_t}\epsilon}{\sqrt{\bar\alpha_t}}",
            "abar^(-1/2)*(x_t - eps_theta(x_t, t)*(1-abar)^0.5)",
        ],
        hints=[
            r"Write down $x_t$ with $x_0$ and $\varepsilon$, and solve.",
            "First take the noise away, then undo the shrink.",
        ],
        mistakes=[
            Mistake(
                "no bars",
                "That inverts *one* step: it gives $x_{t-1}$ from $x_t$ and that step's noise. From $x_0$ "
                "to $x_t$ there are t steps, and the bars count them all.",
                "(x_t - sqrt(1-alpha)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "mixed",
                "The noise has its bar, the divisor lost its own: the shrink of t steps is undone as if it "
                "were one.",
                "(x_t - sqrt(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "divided by abar",
                r"You divided by $\bar\alpha_t$; the picture was multiplied by its root.",
                "(x_t - sqrt(1-abar)*eps)/abar",
            ),
            Mistake(
                "plus",
                "The noise is in $x_t$ with a plus, so it is taken away with a minus.",
                "(x_t + sqrt(1-abar)*eps)/sqrt(abar)",
            ),
            Mistake(
                "times",
                r"You multiplied by $\sqrt{\bar\alpha_t}$ once more; the shrink is to be undone.",
                "(x_t - sqrt(1-abar)*eps)*sqrt(abar)",
            ),
            Mistake(
                "not rescaled",
                "The noise is gone, but the picture is still shrunk.",
                "x_t - sqrt(1-abar)*eps",
            ),
            Mistake(
                "lost root",
                r"1 − $\bar\alpha_t$ is the noise's variance; its factor in $x_t$ is the root.",
                "(x_t - (1-abar)*eps)/sqrt(abar)",
            ),
        ],
        worked=r"$x_0 = (x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon)/\sqrt{\bar\alpha_t}$. At $t=500$, $x_t=1$ "
        r"and $\varepsilon=0.5$ it is ⟨picture:.4f⟩; without the bars it would be ⟨barless:.4f⟩.",
        right=r"Right. With a network's $\hat\varepsilon$ for $\varepsilon$ this is $\hat x_0$, its guess "
        r"at the picture.",
    ),
    Choice(
        id="04.3",
        title="One step of training",
        prompt="Which of these is a training step for a network that predicts noise?",
        options={
            "a": r"Draw $x_0$, a whole t in 1..T and $\varepsilon$; $x_t$ = $\sqrt{\bar\alpha_t}$ $x_0$ + "
            r"$\sqrt{1-\bar\alpha_t}$ $\varepsilon$; loss ‖$\varepsilon$ − net($x_t$, t)‖².",
            "b": r"Draw $x_0$, t and $\varepsilon$; noise $x_0$ step by step up to t; loss ‖$\varepsilon_t$ "
            r"− net($x_t$, t)‖² with the last step's noise.",
            "c": r"Draw $x_0$, t and $\varepsilon$; $x_t$ as in a; loss ‖$\varepsilon$ − net($x_t$)‖².",
            "d": r"Draw $x_0$, t and $\varepsilon$; $x_t$ as in a; loss ‖($x_t$ − $x_0$) − net($x_t$, t)‖².",
            "e": r"Draw $x_0$, a real t in [1, T] and $\varepsilon$; $x_t$ as in a; loss ‖$\varepsilon$ − "
            r"net($x_t$, t)‖.",
            "f": r"Draw $x_0$, t and $\varepsilon$; $x_t$ = $\sqrt{\alpha_t}$ $x_0$ + $\sqrt{1-\alpha_t}$ "
            r"$\varepsilon$; loss ‖$\varepsilon$ − net($x_t$, t)‖².",
            "g": r"Draw $x_0$, t and $\varepsilon$; $x_t$ as in a; loss ‖$\varepsilon$ − net($x_t$, t)‖², "
            r"where the network puts out $x_{t-1}$.",
        },
        answer="a",
        why={
            "b": "The steps are not needed, for $x_t$ has a closed form; and the last step's noise is not "
            "the noise in $x_t$. At t = 500 the last step brings a standard deviation of "
            "⟨root_beta_500:.3f⟩ of the ⟨noise_500:.3f⟩ that are there.",
            "c": "The network isn't told t. One function then has to serve $x_2$, nearly clean, and "
            "$x_{1000}$, pure noise: on data N(0, 1) the best t-free line has a loss of ⟨blind:.3f⟩ instead "
            "of ⟨told:.3f⟩.",
            "d": r"$x_t$ − $x_0$ is not the noise: $x_0$ has been shrunk as well. At t = 500, with $x_0$ = "
            r"1 and $\varepsilon$ = 0.5, it is ⟨gap:.3f⟩, where $\sqrt{1-\bar\alpha_t}$ $\varepsilon$ = "
            r"⟨half_noise:.3f⟩.",
            "e": r"Two slips: $\bar\alpha_t$ is a table over whole t, and the norm is not squared. "
            r"Unsquared, the best answer is a median: two modes with 0.3 and 0.7 come out as 0.21 and 0.79 "
            r"in 100 steps.",
            "f": "The bars are lost. At t = 500 the noise would have standard deviation ⟨root_beta_500:.3f⟩ "
            "instead of ⟨noise_500:.3f⟩: the network never sees the states that it will meet.",
            "g": r"Output and target must mean the same. $x_{t-1}$ is near $x_t$: at t = 500, with $x_0$ = "
            r"1 and $\varepsilon$ = 0.5, it lies near ⟨mixed:.2f⟩, and the target says 0.5.",
        },
        hints=["Check each: bars, t given to the network, same noise on both sides, a square."],
        worked=r"**a**. In goes $(x_t, t)$, out comes something of $x_t$'s shape, and the loss is the "
        r"squared distance to the very $\varepsilon$ that made $x_t$. One random $t$ for each example, one "
        r"pass of the network.",
        right=r"Right: one t, one pass, and the same $\varepsilon$ on both sides.",
    ),
    Choice(
        id="04.4",
        title="Noise or picture: the same knowledge",
        prompt=r"Why is predicting $\varepsilon$ as good as predicting $x_0$?",
        options={
            "a": "Because the noise can be recovered exactly from $x_t$.",
            "b": "Because both losses are equal.",
            "c": "Because given $x_t$ the two are tied by one linear equation with known factors, and so "
            "are their means given $x_t$.",
            "d": "Because at t = 1 both are the same.",
        },
        answer="c",
        why={
            "a": r"It can't: many pairs ($x_0$, $\varepsilon$) give the same $x_t$. At t = 100 a share of "
            r"⟨hidden_100:.3f⟩ of the noise's variance stays open (data N(1, 0.25)). Only their means given "
            r"$x_t$ are tied.",
            "b": "The losses differ by SNR(t): ⟨snr_10:.1f⟩ at t = 10, ⟨snr_500:.4f⟩ at t = 500. The "
            "*estimates* are equivalent, the weights over t are not.",
            "d": r"It holds at every t. At t = 500: $\varepsilon$ = ($x_t$ − ⟨signal_500:.3f⟩ "
            r"$x_0$)/⟨noise_500:.3f⟩.",
        },
        hints=[
            r"How many unknowns has $x_t = \sqrt{\bar\alpha_t}x_0+\sqrt{1-\bar\alpha_t}\varepsilon$, if "
            r"$x_t$ is known?"
        ],
        worked=r"**c**. $\varepsilon = (x_t-\sqrt{\bar\alpha_t}x_0)/\sqrt{1-\bar\alpha_t}$, with $x_t$ "
        r"known. The same affine map carries $\mathbb E[x_0\mid x_t]$ to $\mathbb E[\varepsilon\mid x_t]$. "
        r"Errors are scaled, so the losses differ by $\mathrm{SNR}(t)$.",
        right="Right. The estimates are equivalent; the losses differ by SNR(t).",
    ),
    Symbolic(
        id="04.5",
        title="The weight of the noise",
        prompt=r"In the bound, $L_{t-1} = \frac{1}{2\sigma_t^2}\|\tilde\mu_t-\mu_\theta\|^2 + "
        r"\text{const}$. Written with the noise it is $w_t\|\varepsilon-\hat\varepsilon_\theta\|^2 + "
        r"\text{const}$. What is $w_t$, the part that $L_{\text{simple}}$ drops? Use `sigma`, `alpha`, "
        r"`abar`, `beta`.",
        answer="beta^2/(2*sigma^2*alpha*(1-abar))",
        given=("sigma", *SCHEDULE),
        also=[
            "(1-α_t)²/(2σ_t² α_t (1-ᾱ_t))",
            "1/(2 sigma^2) * ((1-alpha)/(sqrt(alpha) sqrt(1-abar)))^2",
            r"\frac{\beta_t^2}{2\sigma_t^2\alpha_t(1-\bar\alpha_t)}",
        ],
        hints=[
            "Write both means with $x_t$ and their noise; $x_t$ cancels.",
            r"What stands before $\varepsilon$ in $\mu$? Square it.",
            r"The factor is $\beta_t/(\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t})$.",
        ],
        mistakes=[
            Mistake(
                "as printed",
                r"So it is in print, with two slips: $1/(2\sigma_t^2)$ is missing, and 1 − $\bar\alpha_t$, "
                r"which in the mean stands under a root, is squared.",
                "(1-alpha)^2/(alpha*(1-abar)^2)",
            ),
            Mistake(
                "variance beta",
                r"You put $\sigma_t^2$ = $\beta_t$ in, one of the two choices. Here $\sigma_t$ is left "
                r"open: write sigma.",
                "beta/(2*alpha*(1-abar))",
            ),
            Mistake(
                "variance beta tilde",
                r"You put $\sigma_t^2$ = $\tilde\beta_t$ in, the posterior's own. Here $\sigma_t$ is left "
                r"open: write sigma.",
                "beta/(2*alpha*(1-abar_prev))",
            ),
            Mistake(
                "printed weight",
                r"1 − $\bar\alpha_t$ is squared once too often: in the mean it stands under a root. With "
                r"this slip ⟨printed:.0%⟩ of the whole weight lies on t ≤ 10.",
                "beta^2/(2*sigma^2*alpha*(1-abar)^2)",
            ),
            Mistake(
                "not squared",
                r"The factor of $\varepsilon$ in the mean was not squared; the loss is a squared distance.",
                "beta/(2*sigma^2*sqrt(alpha)*sqrt(1-abar))",
            ),
            Mistake(
                "no variance",
                r"$1/(2\sigma_t^2)$ is missing. It is no constant: over t it runs from ⟨first_factor:.0f⟩ "
                r"down to ⟨last_factor:.0f⟩.",
                "beta^2/(alpha*(1-abar))",
            ),
            Mistake(
                "no half", "The ½ of the Gaussian's exponent is missing.", "beta^2/(sigma^2*alpha*(1-abar))"
            ),
            Mistake(
                "bar lost",
                r"1 − $\alpha_t$ stands where 1 − $\bar\alpha_t$ belongs; then one $\beta_t$ would simply "
                r"cancel.",
                "beta^2/(2*sigma^2*alpha*(1-alpha))",
            ),
            Mistake(
                "sigma not squared",
                r"$\sigma_t$ stands where the variance $\sigma_t^2$ belongs.",
                "beta^2/(2*sigma*alpha*(1-abar))",
            ),
        ],
        worked=r"$w_t = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t(1-\bar\alpha_t)}$. $L_{\text{simple}} = "
        r"\mathbb E_{t,x_0,\varepsilon}\|\varepsilon-\hat\varepsilon_\theta(x_t,t)\|^2$ sets it to 1: "
        r"another weighting of the same terms, not the bound. Its $t=1$ stands in for $L_0$.",
        right="Right. Setting it to 1 is a choice, and this lesson shows what it buys.",
    ),
    Function(
        id="04.6",
        title="From noise to picture",
        prompt="Write `answer(out, xt, s, t)`: the estimate of $x_0$ if `out` is the network's estimate of "
        "the noise. `s` and `t` are the levels of $t-1$ and $t$, with numbers or tensors in them; you need "
        "only one.",
        reference=Eps().x0,
        cases=steps("out xt", (0.5, 1.0)),
        also=[_eps_split, _eps_abar, _eps_ratio],
        hints=[
            "It is 04.2 in code.",
            r"`t.noise` is $\sqrt{1-\bar\alpha_t}$ and `t.signal` is $\sqrt{\bar\alpha_t}$.",
        ],
        mistakes=[
            Mistake("plus", "The noise is added where it is to be taken away.", _eps_plus),
            Mistake(
                "not rescaled",
                "The noise is gone, but the picture is still shrunk by t.signal.",
                _eps_no_division,
            ),
            Mistake("times", "You multiplied by t.signal; the shrink is to be undone.", _eps_times),
            Mistake(
                "variance",
                "You took t.noise squared. It is the standard deviation already, as it stands in $x_t$.",
                _eps_variance,
            ),
            Mistake(
                "index off by one",
                "That is the level s of t − 1; the noise in $x_t$ is at level t.",
                _eps_before,
            ),
            Mistake(
                "no factors",
                r"$x_t$ − $\varepsilon$ has neither factor: $x_t$ holds only a share of each.",
                _eps_plain,
            ),
        ],
        worked="The library has it as a method, beside those for the other outputs:",
        right="Right. In the library it is Eps().x0.",
    ),
    Function(
        id="04.7",
        title="From score to picture",
        prompt=r"Write `answer(out, xt, s, t)`: the estimate of $x_0$ if `out` is the score, "
        r"$\nabla_{x_t}\log q(x_t)$, estimated by $-\varepsilon/\sqrt{1-\bar\alpha_t}$.",
        reference=Score().x0,
        cases=steps("out xt", (0.5, 1.0)),
        also=[_score_split, _score_eps, _score_abar],
        hints=[
            "First write the noise with the score.",
            r"$\hat\varepsilon$ = −t.noise · out. Then it is 04.6.",
        ],
        mistakes=[
            Mistake(
                "minus", "The sign: the score points *towards* the data, against the noise.", _score_minus
            ),
            Mistake(
                "one factor",
                r"The score is −$\varepsilon$/t.noise, so a second factor t.noise is needed.",
                _eps_plus,
            ),
            Mistake(
                "score as noise",
                "You treated the score as if it were the noise: the sign and a factor are missing.",
                Eps().x0,
            ),
            Mistake(
                "not rescaled",
                "The noise is gone, but the picture is still shrunk by t.signal.",
                _score_no_division,
            ),
        ],
        worked="This is Tweedie's formula:",
        right="Right. This is Tweedie's formula.",
    ),
    Number(
        id="04.8",
        title="How an error grows",
        prompt=r"At $t=500$ of linear(1000), $\bar\alpha_t = ⟨abar_500:.6f⟩$. A network is off by 1 in "
        r"$\hat\varepsilon$. By how much is $\hat x_0$ off?",
        answer=RATIO,
        also=["sqrt((1-0.078587)/0.078587)", "√(0.921413/0.078587)", "0.9599/0.28033"],
        hints=[
            r"Look at 04.2: which factor has $\varepsilon$ there?",
            r"$\sqrt{1-\bar\alpha_t}/\sqrt{\bar\alpha_t}$.",
        ],
        mistakes=[
            Mistake(
                "upside down",
                r"⟨example:.3f⟩ is the other way round: the error in $\hat\varepsilon$ for an error of 1 in "
                r"$\hat x_0$.",
                1 / RATIO,
            ),
            Mistake("squared", "⟨example:.2f⟩ is the ratio of the squared errors, 1/SNR(500).", RATIO**2),
            Mistake(
                "snr", "⟨example:.4f⟩ is SNR(500). The errors go with the root of its reciprocal.", RATIO**-2
            ),
            Mistake(
                "not rescaled",
                "⟨example:.3f⟩ is the error in $x_t$'s scale; dividing by ⟨signal_500:.3f⟩ is still to come.",
                NOW.noise,
            ),
            Mistake(
                "noise's factor lost",
                r"⟨example:.3f⟩ is 1/$\sqrt{\bar\alpha_t}$. The error in $\hat\varepsilon$ first counts "
                r"$\sqrt{1-\bar\alpha_t}$ = ⟨noise_500:.3f⟩.",
                1 / NOW.signal,
            ),
            Mistake(
                "root lost",
                r"⟨example:.3f⟩ has 1 − $\bar\alpha_t$ above without its root.",
                NOW.noise**2 / NOW.signal,
            ),
            Mistake(
                "bars lost",
                r"⟨example:.4f⟩ comes from $\alpha_{500}$ = ⟨alpha_500:.5f⟩ instead of $\bar\alpha_{500}$ = "
                r"⟨abar_500:.6f⟩.",
                (LINEAR.betas[500] / LINEAR.alphas[500]).item() ** 0.5,
            ),
        ],
        worked=r"$\sqrt{(1-\bar\alpha_t)/\bar\alpha_t} = \sqrt{⟨variance_500:.6f⟩/⟨abar_500:.6f⟩} = "
        r"⟨answer:.3f⟩$. At $t=1000$ it is ⟨magnified_1000:.0f⟩, at $t=1$ only ⟨magnified_1:.2f⟩.",
        right=r"Right. At t = 1000 it is ⟨magnified_1000:.0f⟩: there $\hat x_0$ is a wild guess.",
    ),
    Symbolic(
        id="04.9",
        title="The mean, from the noise",
        prompt=r"Put $x_0 = (x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon)/\sqrt{\bar\alpha_t}$ into "
        r"$\tilde\mu_t(x_t,x_0)$ and simplify: the mean of the step back, with `x_t` and `eps`.",
        answer="(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)",
        given=("x_t", "eps", *SCHEDULE),
        also=[
            "1/√α_t (x_t − β_t/√(1−ᾱ_t) ε_θ(x_t, t))",
            "(sqrt(alpha)*(1-abar_prev)*x_t + "
            "sqrt(abar_prev)*beta*(x_t-sqrt(1-abar)*eps)/sqrt(abar))/(1-abar)",
            r"\frac{1}{\sqrt{\alpha_t}}\left(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\epsilon\right)",
        ],
        hints=[
            r"Collect the terms with $x_t$ first; $\bar\alpha_t = \alpha_t\bar\alpha_{t-1}$ lets the "
            r"denominator cancel.",
            r"The factor of $x_t$ comes out as $1/\sqrt{\alpha_t}$.",
        ],
        mistakes=[
            Mistake(
                "barred prefactor",
                r"The prefactor is 1/$\sqrt{\bar\alpha_t}$ where 1/$\sqrt{\alpha_t}$ belongs. One step back "
                r"undoes one step's shrink, not all t of them.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(abar)",
            ),
            Mistake(
                "bar lost inside",
                r"Inside, $\sqrt{1 - \alpha_t}$ stands where $\sqrt{1 - \bar\alpha_t}$ belongs: far too "
                r"much noise is taken away in each step. The samples keep their mean and lose their spread.",
                "(x_t - (1-alpha)/sqrt(1-alpha)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "plus",
                "The noise is added; it is to be taken away.",
                "(x_t + (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "whole noise",
                r"You took away all the noise in $x_t$. A step takes away only the share $\beta_t$/$\sqrt{1 "
                r"- \bar\alpha_t}$.",
                "(x_t - sqrt(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "x_0",
                r"That is $\hat x_0$, the whole way back in one leap.",
                "(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
            ),
            Mistake(
                "lost root",
                r"1 − $\bar\alpha_t$ stands without its root.",
                "(x_t - (1-alpha)/(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "not rescaled",
                r"The prefactor 1/$\sqrt{\alpha_t}$ is missing: the step's shrink is not undone.",
                "x_t - (1-alpha)/sqrt(1-abar)*eps",
            ),
        ],
        worked=r"$\mu = \frac1{\sqrt{\alpha_t}}\Big(x_t-\frac{\beta_t} "
        r"{\sqrt{1-\bar\alpha_t}}\,\varepsilon\Big)$. The factor of $x_t$ is "
        r"$[\alpha_t(1-\bar\alpha_{t-1})+\beta_t]/(\sqrt{\alpha_t}(1-\bar\alpha_t))$, and its bracket is "
        r"just $1-\bar\alpha_t$.",
        right="Right: no bar in front, a bar inside.",
    ),
    Symbolic(
        id="04.10",
        title="The noise from the picture",
        prompt=r"The other way: a network has given $\hat x_0$. Which noise does it claim is in $x_t$? Use "
        r"`x_t` and `x_0`.",
        answer="(x_t - sqrt(abar)*x_0)/sqrt(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "(x_t − √ᾱ_t x_0)/√(1−ᾱ_t)",
            "x_t/sqrt(1-abar) - x_0*sqrt(abar/(1-abar))",
            r"\frac{x_t-\sqrt{\bar\alpha_t}\hat{x}_0}{\sqrt{1-\bar\alpha_t}}",
        ],
        hints=[r"Solve the closed form of $x_t$ for $\varepsilon$."],
        mistakes=[
            Mistake(
                "no bars",
                "The bars are lost: that is the noise of one step that started at $x_0$.",
                "(x_t - sqrt(alpha)*x_0)/sqrt(1-alpha)",
            ),
            Mistake(
                "difference",
                "$x_t$ − $x_0$ is not the noise: $x_0$ was shrunk, and the noise scaled.",
                "x_t - x_0",
            ),
            Mistake(
                "not rescaled",
                r"That is the noise as it stands in $x_t$, still multiplied by $\sqrt{1 - \bar\alpha_t}$.",
                "x_t - sqrt(abar)*x_0",
            ),
            Mistake(
                "lost root", r"1 − $\bar\alpha_t$ stands without its root.", "(x_t - sqrt(abar)*x_0)/(1-abar)"
            ),
            Mistake(
                "x_0 not shrunk", r"$x_0$ wants its factor $\sqrt{\bar\alpha_t}$.", "(x_t - x_0)/sqrt(1-abar)"
            ),
        ],
        worked=r"$\varepsilon = (x_t-\sqrt{\bar\alpha_t}\,x_0)/\sqrt{1-\bar\alpha_t}$. DDIM uses it at "
        r"every step.",
        right="Right. DDIM uses it at every step.",
    ),
    Function(
        id="04.11",
        title="A training step, in code",
        prompt="Write `answer(denoiser, x0, t, eps)`, the loss of one training step: for each example the "
        "squared distance between the noise and the network's output, summed over its entries, (B,). All "
        "that is random is drawn already: `x0` (B, D), whole `t` (B,), `eps` (B, D). "
        "`denoiser.schedule.level(t, x0)` has the level of each example, and `denoiser.net(xt, t)` is the "
        "network. Here it is the best there is for a world of two modes: entries of −1 or 1, with chances "
        "0.3 and 0.7, give or take 0.1, which makes a variance of ⟨two_modes:.2f⟩.",
        reference=Denoiser.errors,
        names=("denoiser", "x0", "t", "eps"),
        cases=training(),
        also=[_loss, _loss_abar, _loss_norm, Denoiser.loss],
        hints=[
            "Three lines: the level and $x_t$, the network's output, the squared distance.",
            r"$x_t = \sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon$, with `level.signal` and "
            r"`level.noise`, or with `q_sample`.",
            "The target is the `eps` that is in `xt`. Square the gap, then `.sum(1)`.",
        ],
        mistakes=[
            Mistake(
                "bar lost in the signal",
                r"$x_t$ has $\sqrt{\alpha_t}$ $x_0$ where $\sqrt{\bar\alpha_t}$ $x_0$ belongs: at t = 500 "
                r"the picture is still there with ⟨root_alpha_500:.3f⟩ instead of ⟨signal_500:.3f⟩. A "
                r"network trained so and sampled from rightly makes two modes with variance 0.80 instead of "
                r"⟨two_modes:.2f⟩.",
                _mixed(lambda s: s.alphas**0.5, lambda s: (1 - s.abar) ** 0.5),
            ),
            Mistake(
                "bars lost",
                r"That $x_t$ is one step of the chain, $\sqrt{\alpha_t}$ $x_0$ + $\sqrt{1-\alpha_t}$ "
                r"$\varepsilon$, and there are t steps up to $x_t$: both bars are missing. A network "
                r"trained so meets hardly any noise; sampled from, it makes two modes with variance 1.1.",
                _mixed(lambda s: s.alphas**0.5, lambda s: s.betas**0.5),
            ),
            Mistake(
                "lost roots",
                r"$\bar\alpha_t$ and 1 − $\bar\alpha_t$ stand without their roots. That $x_{500}$ has "
                r"variance ⟨rootless:.2f⟩ where it should have ⟨rooted:.2f⟩; a network trained so makes "
                r"modes about 0.19 wide instead of 0.1.",
                _mixed(lambda s: s.abar, lambda s: 1 - s.abar),
            ),
            Mistake(
                "index off by one",
                "You took the level of t − 1, and told the network t.",
                lambda d, x0, t, eps: _square(eps - d.net(q_sample(x0, eps, d.schedule.level(t - 1, x0)), t)),
            ),
            Mistake(
                "clean input",
                "The network was given $x_0$ itself. It has to see $x_t$, as the sampler will show it.",
                lambda d, x0, t, eps: _square(eps - d.net(x0, t)),
            ),
            Mistake(
                "noise drawn anew",
                "You drew noise inside the function. The eps that makes $x_t$ and the eps that is the "
                "target must be one and the same. Against fresh noise the best answer is 0 whatever $x_t$ "
                "is, and samples have a variance of 49,000.",
                _compared(_square, lambda x0, eps, xt, level: torch.randn_like(eps)),
            ),
            Mistake(
                "x_0 as target",
                r"You compared with $x_0$. That is a fair target for a network that puts out $x_0$; this "
                r"one puts out $\varepsilon$, and what it puts out is read as $\varepsilon$ later: samples "
                r"with a variance of 19,000.",
                _compared(_square, lambda x0, eps, xt, level: x0),
            ),
            Mistake(
                "difference as target",
                "$x_t$ − $x_0$ is not the noise, for $x_0$ has been shrunk as well. Trained so, the modes "
                "come out 0.5 wide instead of 0.1.",
                _compared(_square, lambda x0, eps, xt, level: xt - x0),
            ),
            Mistake(
                "scaled noise as target",
                r"$\sqrt{1-\bar\alpha_t}$ $\varepsilon$ is the noise as it stands in $x_t$; the target is "
                r"$\varepsilon$, of variance 1 at every t. Trained so, too little is taken away, and the "
                r"samples have variance 1.3.",
                _compared(_square, lambda x0, eps, xt, level: level.noise * eps),
            ),
            Mistake(
                "not squared",
                "You took the distance, not its square. The best answer is then a median instead of a mean: "
                "the smaller mode shrinks from 0.30 to 0.22, and the variance to 0.71.",
                _compared(lambda gap: gap.norm(dim=1), lambda x0, eps, xt, level: eps),
            ),
            Mistake(
                "absolute values",
                "You summed absolute values; the loss is a sum of squares. Absolute values lead to medians "
                "instead of means, and the smaller mode shrinks from 0.30 to 0.22.",
                _compared(lambda gap: gap.abs().sum(1), lambda x0, eps, xt, level: eps),
            ),
            Mistake(
                "averaged",
                "You averaged over an example's entries; the sum is asked for. That changes no optimum, only "
                "the scale: for digits of 64 pixels by a factor of 64.",
                _compared(lambda gap: (gap**2).mean(1), lambda x0, eps, xt, level: eps),
            ),
        ],
        worked=r"In the library it is a method of `Denoiser`, for every kind of target; that of `Eps()` is "
        r"$\varepsilon$. `per_example` sums over all but the batch.",
        right=r"Right: the same $\varepsilon$ on both sides, and the level of each example's own t.",
    ),
    Function(
        id="04.12",
        title="From velocity to picture",
        prompt=r"Write `answer(out, xt, s, t)`: the estimate of $x_0$ if `out` is the velocity, $v = "
        r"\sqrt{\bar\alpha_t}\,\varepsilon - \sqrt{1-\bar\alpha_t}\,x_0$. You know $x_t$ and $v$, two "
        r"equations for the two unknowns $x_0$ and $\varepsilon$.",
        reference=V().x0,
        cases=steps("out xt", (0.5, 1.0)),
        also=[_v_by_eps, _v_abar, _v_turned],
        hints=[
            r"Multiply $x_t$ by `t.signal` and $v$ by `t.noise`. What happens to $\varepsilon$ if you "
            r"subtract?",
            "t.signal² + t.noise² = 1.",
        ],
        mistakes=[
            Mistake(
                "plus",
                r"The sign of v: with a plus, $\varepsilon$ does not cancel and $x_0$ loses weight.",
                _v_plus,
            ),
            Mistake(
                "noise",
                "That is the noise, not the picture: the other coordinate, turned back by the same angle.",
                _v_noise,
            ),
            Mistake("swapped", "t.signal and t.noise have changed places.", _v_swapped),
            Mistake("velocity as noise", "You treated the velocity as if it were the noise.", Eps().x0),
            Mistake(
                "divided",
                "You divided by t.signal, as for the noise. Nothing is divided here: turning back undoes "
                "turning.",
                _v_divided,
            ),
        ],
        worked=r"$\sqrt{\bar\alpha_t}\,x_t-\sqrt{1-\bar\alpha_t}\,v = (\bar\alpha_t + "
        r"1-\bar\alpha_t)\,x_0$, and $\varepsilon$ cancels:",
        right="Right, and nothing was divided: v is never magnified on its way to the picture.",
    ),
    Number(
        id="04.13",
        title="A floor",
        prompt=r"The data are one number from $\mathcal N(0, 0.25)$, variance 0.25, and $\bar\alpha_t = "
        r"0.9$. What is the smallest mean squared error that any guess at $\varepsilon$ from $x_t$ can have?",
        answer=0.225 / 0.325,
        also=["0.9*0.25/(0.9*0.25+0.1)", "9/13", "1 - 0.1/0.325"],
        hints=[
            r"What is left after the best guess is the variance of $\varepsilon$ given $x_t$.",
            r"For Gaussians: the variance of $\varepsilon$, less the square of its covariance with $x_t$ "
            r"over the variance of $x_t$.",
            r"The covariance of $\varepsilon$ and $x_t$ is $\sqrt{1-\bar\alpha_t}$; the variance of $x_t$ "
            r"is $\bar\alpha_t\cdot 0.25+1-\bar\alpha_t$.",
        ],
        mistakes=[
            Mistake(
                "exact",
                r"0 would mean that $\varepsilon$ can be read off $x_t$. Many pairs give the same $x_t$.",
                0.0,
            ),
            Mistake(
                "nothing known",
                "1 is the error of the guess 0. But $x_t$ tells something: the best slope is ⟨slope:.3f⟩, "
                "not 0.",
                1.0,
            ),
            Mistake(
                "explained",
                "⟨example:.3f⟩ is the share that can be known. What stays open is 1 minus that.",
                0.1 / 0.325,
            ),
            Mistake(
                "of the picture",
                r"⟨example:.4f⟩ is what stays open of $x_0$. For $\varepsilon$, multiply by SNR(t) = 9.",
                0.25 * 0.1 / 0.325,
            ),
            Mistake(
                "standard deviation",
                "⟨example:.3f⟩ comes from 0.5 in place of 0.25: the variance belongs into the formula.",
                0.45 / 0.55,
            ),
            Mistake(
                "noise level",
                r"0.1 is the noise's share of the scale, 1 − $\bar\alpha_t$, not what is unknown of "
                r"$\varepsilon$.",
                0.1,
            ),
        ],
        worked=r"With the variance $V_0 = 0.25$ of the data: $\frac{\bar\alpha_t V_0}{\bar\alpha_t "
        r"V_0+1-\bar\alpha_t} = \frac{0.225}{0.325} = ⟨answer:.4f⟩$. The best guess is $⟨slope:.3f⟩\,x_t$, "
        r"and more than two thirds of the noise stay unknown to any network.",
        right=r"Right. At $\bar\alpha$ = 0.9 no training brings the loss below ⟨answer:.3f⟩.",
    ),
    Choice(
        id="04.14",
        title="A floor, and for whom?",
        prompt="At $t = 50$ the exact denoiser of the 1,437 training digits has a loss of 0.000 on training "
        "digits and about 9 on test digits; the trained network has 0.40 and 0.43. What follows?",
        options={
            "a": "The network should be trained until its loss on training digits is near 0.",
            "b": "The network is far from learning the training digits by heart; how far it is from the best "
            "possible guess on new digits, this doesn't say.",
            "c": "On test digits the network has beaten the floor.",
            "d": "The noise in a digit can be predicted exactly at t = 50.",
        },
        answer="b",
        why={
            "a": "At 0 it would be the exact denoiser of 1,437 points, and its loss on new digits would be "
            "that one's: about 9 instead of 0.43. Its samples would be copies.",
            "c": "The 9 is no floor for test digits: that denoiser is exact in a world where only 1,437 "
            "digits exist. The floor of the law of all digits lies below 0.43; nobody knows where.",
            "d": "Only if the digit is known to be one of 1,437. Of a new one, the network misses 0.43 of "
            "the "
            "noise's variance, and any function misses something.",
        },
        hints=["For which law of the data is the mixture of points exact?", "Is a new digit one of them?"],
        worked="**b**. The points are exact for the training set and for nothing else. On training digits "
        "their "
        "loss is a floor that only a network knowing them by heart could reach. On test digits it is just "
        "a bad "
        "guess, and the true floor is unknown.",
        right="Right: a floor holds for the law it was computed for.",
    ),
    Symbolic(
        id="04.15",
        title="One error, in other units",
        prompt=r"An estimate of the picture is off by $\|x_0-\hat x_0\|^2 = 1$. Said as a velocity, the "
        r"same estimate is off by $\|v-\hat v\|^2$. How much is that? Use `abar`.",
        answer="1/(1-abar)",
        given=SCHEDULE,
        also=["1 + abar/(1-abar)", r"\frac{1}{1-\bar\alpha_t}", "(1-abar)^(-1)", "1/sqrt(1-abar)^2"],
        hints=[
            r"$x_0 = \sqrt{\bar\alpha_t}\,x_t - \sqrt{1-\bar\alpha_t}\,v$. What moves if v moves by 1?",
            r"The error in $x_0$ is $-\sqrt{1-\bar\alpha_t}$ times that in v. Solve, then square.",
        ],
        mistakes=[
            Mistake(
                "of the noise",
                r"That is the squared error of $\varepsilon$. Of v it is one more: 1/(1 − $\bar\alpha_t$) = "
                r"1 + SNR(t).",
                "abar/(1-abar)",
            ),
            Mistake(
                "upside down",
                "That is the error in $x_0$ for an error of 1 in v; the other way is asked.",
                "1-abar",
            ),
            Mistake(
                "not squared",
                "The squared error is asked for, so the slope counts squared.",
                "1/sqrt(1-abar)",
            ),
            Mistake(
                "signal",
                r"1/$\bar\alpha_t$ is the squared error of v for an error of 1 in $\varepsilon$.",
                "1/abar",
            ),
            Mistake(
                "same",
                "That is 1: the same answer, but in other units. At small t the velocity is nearly the "
                "noise, "
                "and a small error in the picture is a large one in the noise.",
                "1",
            ),
        ],
        worked=r"The error in $v$ is $1/\sqrt{1-\bar\alpha_t}$ times that in $x_0$, squared "
        r"$1/(1-\bar\alpha_t) = 1 + \mathrm{SNR}(t)$. So the weight of $v$ in the bound is that of $x_0$ "
        r"divided by $1 + \mathrm{SNR}(t)$.",
        right=r"Right: 1 + SNR(t), where $\varepsilon$ has SNR(t).",
    ),
    Choice(
        id="04.16",
        title="Spot the fault in a line",
        prompt=r"The notes derive the loss of the noise in five lines, with $\mu_q$ for $\tilde\mu_t$. In "
        r"one of them a root is lost. Which?",
        options={
            "a": r"$x_0 = \frac{1}{\sqrt{\bar\alpha_t}}(x_t-\sqrt{1-\bar\alpha_t}\,\varepsilon)$",
            "b": r"$\mu_q = \frac{1}{\sqrt{\alpha_t}}\Big(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}\,"
            r"\varepsilon\Big)$",
            "c": r"$\mu_\theta = \frac{1}{\sqrt{\alpha_t}}\Big(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}"
            r"\,\hat\varepsilon_\theta\Big)$",
            "d": r"$\|\mu_q-\mu_\theta\|^2 = \Big(\frac{1-\alpha_t}{\sqrt{\alpha_t}(1-\bar\alpha_t)}\Big)^2"
            r"\|\varepsilon-\hat\varepsilon_\theta\|^2$",
            "e": r"$L_{\text{simple}} = \mathbb E\,\|\varepsilon-\hat\varepsilon_\theta\|^2$",
        },
        answer="d",
        why={
            "a": r"That is the closed form solved for $x_0$: at t = 500, $x_t$ = 1 and $\varepsilon$ = 0.5 "
            r"it gives ⟨picture:.3f⟩, and ⟨signal_500:.4f⟩ · ⟨picture:.3f⟩ + ⟨noise_500:.4f⟩ · 0.5 is 1 "
            r"again.",
            "b": r"Right as it stands: at t = 500, $x_t$ = 1 and $\varepsilon$ = 0.5 it is ⟨one_step:.5f⟩, "
            r"and so is the posterior's mean at $x_0$ = ⟨picture:.4f⟩.",
            "c": "The same line as b with the network's noise, so it is right if b is: ⟨one_step:.5f⟩ at t "
            "= 500. (It drops the argument t, but no root.)",
            "e": "No root is missing: the weight was dropped on purpose, at t = 10 a factor of ⟨factor:.1e⟩.",
        },
        hints=[
            "Subtract c from b by hand, then square.",
            r"What stands under $\varepsilon$ in b: $1-\bar\alpha_t$ or its root?",
        ],
        worked=r"**d**. From b and c the factor of the gap is "
        r"$\frac{1-\alpha_t}{\sqrt{\alpha_t}\sqrt{1-\bar\alpha_t}}$. Squared at $t=10$ it is "
        r"$⟨factor:.2e⟩$; the printed one is $⟨printed_factor:.2e⟩$, ⟨too_large:.0f⟩ times as much. At "
        r"$t=1000$ one wouldn't notice.",
        right="Right: in b it still stands under a root. At t = 10 the printed factor is ⟨too_large:.0f⟩ "
        "times too large.",
    ),
    Number(
        id="04.17",
        title="The summand for $t = 1$",
        prompt=r"$L_{\text{simple}}$ also draws $t = 1$, where the bound has no divergence but $L_0 = "
        r"-\log\mathcal N(x_0;\ \mu_\theta(x_1, 1),\ \sigma_1^2)$. Take $\sigma_1^2 = \beta_1 = 0.1$, a "
        r"coarse schedule. What is the factor of $\|\varepsilon-\hat\varepsilon_\theta\|^2$ in $L_0$?",
        answer=0.5 / 0.9,
        also=["1/(2*0.9)", "5/9", "0.1^2/(2*0.1*0.9*0.1)"],
        hints=[
            r"$-\log\mathcal N$ holds $\|x_0-\mu_\theta\|^2/(2\sigma_1^2)$.",
            r"By how much is $\mu_\theta(x_1, 1)$ off if $\hat\varepsilon$ is off by 1? At t = 1, "
            r"$\bar\alpha_1$ = $\alpha_1$.",
            r"It is off by $\beta_1/(\sqrt{\alpha_1}\sqrt{1-\bar\alpha_1}) = "
            r"\sqrt{\beta_1}/\sqrt{\alpha_1}$.",
        ],
        mistakes=[
            Mistake(
                "of the mean",
                r"5 is $1/(2\sigma_1^2)$, the factor of the squared gap of the *means*. An error of 1 in "
                r"$\hat\varepsilon$ moves the mean by ⟨slip:.3f⟩ only.",
                5.0,
            ),
            Mistake(
                "half lost", r"The half of −log N is missing: 1/(2 $\alpha_1$), not ⟨example:.3f⟩.", 1 / 0.9
            ),
            Mistake(
                "no prefactor",
                r"0.5 forgets the prefactor 1/$\sqrt{\alpha_1}$ of the mean, squared 1.111.",
                0.5,
            ),
            Mistake(
                "score",
                r"⟨example:.4f⟩ has the factor $\beta_1$ once too often: it is the weight of the score.",
                0.05 / 0.9,
            ),
            Mistake(
                "not squared",
                "⟨example:.3f⟩ has the slope ⟨slip:.3f⟩ unsquared; the squared error takes it squared, "
                "⟨slip_squared:.3f⟩.",
                5 / 3,
            ),
        ],
        worked=r"$\frac{1}{2\beta_1}\cdot\frac{\beta_1^2}{\alpha_1(1-\bar\alpha_1)} = \frac{1}{2\alpha_1} = "
        r"⟨answer:.3f⟩$, the formula of 04.5 with $t = 1$ put in. With the usual $\beta_1 = 10^{-4}$ it is "
        r"⟨usual:.5f⟩. So the first summand stands for $L_0$, re-weighted like the others.",
        right=r"Right: $1/(2\alpha_1)$, the same formula as for t ≥ 2, though the term is no divergence.",
    ),
    Choice(
        id="04.18",
        title="The pair, explained",
        prompt="Of two equal networks, trained briefly on the digits, the one trained on the bound ends "
        "with the "
        "*worse* bound, about 4.1 bits per pixel against 3.8. How can that be?",
        options={
            "a": "Its weight lies where hardly anything is learned soon, so that little training goes to "
            "waste; "
            "what is best at the end of all training and what is reached soon are two questions.",
            "b": "The bound is not least where its own loss is least.",
            "c": "It shows that the unweighted loss is the true bound.",
            "d": "The paper found the same.",
        },
        answer="a",
        why={
            "b": "It is: where the best can be computed, with one weight c, the bound's own c has 1.207 nats "
            "and the other 1.266.",
            "c": "The bound has weights: ⟨early:.0%⟩ of all is on t ≤ 10, where the unweighted loss has "
            "⟨early_simple:.0%⟩. What was measured is how far two short trainings got.",
            "d": "It found 3.70 against 3.75 bits in favour of the bound, after a very long training of a "
            "large "
            "network.",
        },
        hints=[
            "How far does the loss fall at small t, in so short a training?",
            "Compare with the exact world, where nothing is trained.",
        ],
        worked="**a**. In the exact world nothing is searched for, and the bound's weights win by their own "
        "measure: 1.207 nats against 1.266. In a short training the same weights spend a sixth of the "
        "effort on "
        "ten times at which this network learns little. The paper's long training gives the bound an "
        "advantage of 0.05 bits.",
        right="Right: an objective's minimum, and how soon one gets near it, are two things.",
    ),
]
