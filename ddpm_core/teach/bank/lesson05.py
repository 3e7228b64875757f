"""Sampling: the reverse step, its noise, and the number of steps."""

from torch import Tensor

from ...prediction import Eps
from ...process import between, posterior, q_sample
from ...sampling import ancestral, ancestral_beta, ddim
from ...schedule import Level
from ..judge import SCHEDULE, Choice, Function, Mistake, Number, Prose, Symbolic
from ..maths.wrong import (
    barred_root,
    barred_scale,
    implied_noise,
    means_only,
    noisy_to_the_end,
    stepping,
    unbarred_noise,
)
from .inputs import SCHEDULE as LINEAR
from .inputs import TWO_MODES_VARIANCE, one, steps


def _by_hand(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    mean, var = posterior(x0, xt, s, t)
    return mean + var**0.5 * noise


def _from_abar(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = (t.signal / s.signal) ** 2
    mean = (s.signal * (1 - alpha) * x0 + alpha**0.5 * s.noise**2 * xt) / t.noise**2
    return mean + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _from_eps(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = (t.signal / s.signal) ** 2
    eps = (xt - t.signal * x0) / t.noise
    return (xt - (1 - alpha) / t.noise * eps) / alpha**0.5 + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _variance(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    mean, var = posterior(x0, xt, s, t)
    return mean + var * noise


def _marginal(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return posterior(x0, xt, s, t).mean + s.noise * noise


def _reused(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return posterior(x0, xt, s, t).sample(implied_noise(x0, xt, t))


def _renoised(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + s.noise * noise


def _exchanged(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return posterior(xt, x0, s, t).sample(noise)


def _alpha_lost_square(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = t.signal / s.signal
    mean = (s.signal * (1 - alpha) * x0 + alpha**0.5 * s.noise**2 * xt) / t.noise**2
    return mean + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _ddim_in_two(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    eps = (xt - t.signal * x0) / t.noise
    return q_sample(x0, eps, s)


def _ddim_scaled(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    ratio = s.noise / t.noise
    return ratio * xt + (s.signal - ratio * t.signal) * x0


def _ddim_from_abar(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    abar_s, abar_t = s.signal**2, t.signal**2
    return abar_s**0.5 * x0 + ((1 - abar_s) / (1 - abar_t)) ** 0.5 * (xt - abar_t**0.5 * x0)


def _ddim_old_level(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + xt - t.signal * x0


def _ddim_old_signal(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return t.signal * x0 + s.noise * implied_noise(x0, xt, t)


def _ddim_undivided(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + s.noise * (xt - t.signal * x0)


def _ddim_unshrunk(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return x0 + s.noise * implied_noise(x0, xt, t)


def _ddim_picture_unshrunk_in_noise(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + s.noise * (xt - x0) / t.noise


def _ddim_over_variance(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + s.noise * (xt - t.signal * x0) / t.noise**2


def _all_the_way(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return x0


def _ddim_lost_roots(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal**2 * x0 + s.noise**2 * implied_noise(x0, xt, t)


def _ddim_noisy(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return ddim(x0, xt, s, t, noise) + posterior(x0, xt, s, t).var ** 0.5 * noise


EARLY, BEFORE, NOW = (LINEAR.level(t) for t in (400, 499, 500))

NUMBERS = {
    "uniform": 3**-0.5,  # standard deviation of a number that is uniform in [-1, 1]
    "one_step": posterior(Eps().x0(one(0.5), one(1), BEFORE, NOW), one(1), BEFORE, NOW).mean,
    "two_modes": TWO_MODES_VARIANCE,
    "stretched": BEFORE.signal / NOW.signal,
    "all_stretched": 1 / NOW.signal,
    "greys": 255 / 2 * LINEAR.betas[1] ** 0.5,
    "narrow": posterior(one(0), one(0), EARLY, NOW).var,
    "wide": between(EARLY, NOW)[1],
}

MEAN = "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)"

EXERCISES = [
    Choice(
        id="05.1",
        title="Why sampling takes its time",
        prompt="A GAN draws a picture in one pass of its network. Why is a DDPM with $T=1000$ slower?",
        options={
            "a": "Its network is larger.",
            "b": "Its training is slower.",
            "c": "It must first noise a picture, and then denoise it.",
            "d": "It must run its network once for each step, and each step needs the result of the one "
            "before.",
            "e": "It runs T passes, though they could run side by side.",
        },
        answer="d",
        why={
            "a": "Size isn't the cause: with the same network for both, one picture takes 1 pass there and "
            "1000 here.",
            "b": "Training draws one random t, say t = 417, and makes one pass. It is the chain of sampling "
            "that is long.",
            "c": "The forward process is not run when sampling: $x_T$ is drawn from N(0, I) directly, and "
            "no picture is at hand.",
            "e": "They can't, for one picture: the input at t = 999 is the output at t = 1000. Only "
            "*different* pictures run side by side.",
        },
        hints=["How many passes does one picture take?", "Which input does the pass at $t-1$ need?"],
        worked=r"**d**. $x_T\to x_{T-1}\to\dots\to x_0$: one evaluation for each step, one after another. "
        r"Fewer, larger steps (section 6) cut their number; nothing makes them independent.",
        right="Right: T passes, and each waits for the last.",
    ),
    Choice(
        id="05.2",
        title="Where sampling starts",
        prompt="From what does sampling start?",
        options={
            "a": "From a training picture, noised up to T.",
            "b": "From zeros.",
            "c": "From noise, uniform in [−1, 1].",
            "d": "From a draw of N(0, I) with the picture's shape.",
            "e": r"From a draw of N(0, $\beta_T$ I).",
        },
        answer="d",
        why={
            "a": "That edits a picture; it isn't generation. And the start would hardly matter: $x_{1000}$ "
            "keeps ⟨signal_1000:.1%⟩ of its picture.",
            "b": "The network never saw zeros at t = 1000: its states there have standard deviation "
            "⟨noise_1000:.2f⟩.",
            "c": "A uniform pixel has standard deviation ⟨uniform:.3f⟩; the states at t = 1000 have "
            "⟨noise_1000:.2f⟩ and a Gaussian's tails.",
            "e": r"$\beta_{1000}$ = ⟨beta_1000:.2f⟩ is the variance of the *last step*. All steps together "
            r"leave 1 − $\bar\alpha_{1000}$ = ⟨variance_1000:.5f⟩.",
        },
        hints=[r"Which law does $q(x_T\mid x_0)$ come close to, for every $x_0$?"],
        worked=r"**d**: $x_T\sim\mathcal N(0,I)$, the prior of the model. It fits because $q(x_T\mid x_0)$ "
        r"is nearly that for every $x_0$: $\sqrt{\bar\alpha_T} = ⟨signal_1000:.4f⟩$ for linear(1000).",
        right="Right: the prior of the chain.",
    ),
    Choice(
        id="05.3",
        title="The step's two parameters",
        prompt=r"$p_\theta(x_{t-1}\mid x_t) = \mathcal N(\mu_\theta, \sigma_t^2 I)$. Where do $\mu_\theta$ "
        r"and $\sigma_t^2$ come from in a DDPM?",
        options={
            "a": r"$\mu_\theta$ by the network's $\hat\varepsilon$ through a fixed formula; $\sigma_t^2$ "
            r"from the schedule: $\beta_t$ or $\tilde\beta_t$.",
            "b": "Both from the network.",
            "c": r"$\mu_\theta$ by the network; $\sigma_t^2$ = 1 − $\bar\alpha_t$.",
            "d": "Both are fitted anew while sampling.",
            "e": r"$\mu_\theta$ by the network; $\beta_t$ is the standard deviation.",
        },
        answer="a",
        why={
            "b": r"Only the mean. The variance is fixed: at t = 2 of linear(1000), $\beta_2$ = ⟨beta_2:.5f⟩ "
            r"or $\tilde\beta_2$ = ⟨beta_tilde_2:.7f⟩.",
            "c": r"1 − $\bar\alpha_t$ is all the noise in $x_t$: ⟨variance_500:.3f⟩ at t = 500. The step's "
            r"own variance is ⟨beta_500:.3f⟩.",
            "d": r"Sampling fits nothing. At t = 500 $\sigma_t^2$ is ⟨beta_500:.5f⟩ for every picture.",
            "e": r"$\beta_t$ is a variance. At t = 500 it is ⟨beta_500:.4f⟩, and the standard deviation "
            r"⟨root_beta_500:.3f⟩, ten times as much.",
        },
        hints=["Which of the two depends on the picture?"],
        worked=r"**a**. $\mu_\theta = \frac1{\sqrt{\alpha_t}}\big(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}"
        r"\hat\varepsilon_\theta(x_t,t)\big)$. $\sigma_t^2=\beta_t$ is exact for data $\mathcal N(0,I)$, "
        r"$\tilde\beta_t$ for a single picture; for data of variance 1 or less they bracket the truth.",
        right="Right: the mean is learned, the variance chosen.",
    ),
    Symbolic(
        id="05.4",
        title="One step back",
        prompt=r"Write $x_{t-1}$ for $t > 1$ with `x_t`, the network's `eps`, fresh noise `z` and `sigma` "
        r"($\sigma_t$, a standard deviation). (Fresh noise is called $z$, for it is not the $\varepsilon$ "
        r"of the way forward.)",
        answer=f"{MEAN} + sigma*z",
        given=("x_t", "eps", "z", "sigma", *SCHEDULE),
        also=[
            "1/√α_t (x_t − β_t/√(1−ᾱ_t) ε_θ(x_t,t)) + σ_t z",
            "x_{t-1} = (x_t - beta/sqrt(1-abar)*eps)/sqrt(alpha) + z sigma",
            r"\frac{1}{\sqrt{\alpha_t}}\left(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}} "
            r"\hat\epsilon_\theta(x_t,t)\right)+\sigma_t z",
        ],
        hints=["It is a Gaussian: mean plus standard deviation times noise.", "The mean is that of 04.9."],
        mistakes=[
            Mistake(
                "barred prefactor",
                r"The prefactor is 1/$\sqrt{\bar\alpha_t}$ where 1/$\sqrt{\alpha_t}$ belongs. Over a whole "
                r"chain the numbers explode.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(abar) + sigma*z",
            ),
            Mistake(
                "bar lost inside",
                r"Inside, $\sqrt{1 - \alpha_t}$ stands where $\sqrt{1 - \bar\alpha_t}$ belongs. The samples "
                r"keep their mean, but a spread of 0.50 comes out as 0.175, and rare modes vanish.",
                "(x_t - (1-alpha)/sqrt(1-alpha)*eps)/sqrt(alpha) + sigma*z",
            ),
            Mistake(
                "barred posterior",
                r"In the posterior mean you used, $x_t$ has $\sqrt{\bar\alpha_t}$ where $\sqrt{\alpha_t}$ "
                r"belongs.",
                "(sqrt(abar)*(1-abar_prev)*x_t + "
                "sqrt(abar_prev)*beta*(x_t-sqrt(1-abar)*eps)/sqrt(abar))/(1-abar) + sigma*z",
            ),
            Mistake(
                "no fresh noise",
                r"$\sigma_t$ z is missing. That is the mean alone; walked down like this, all chains end at "
                r"nearly one point: a spread of 0.50 comes out as 0.0016.",
                MEAN,
            ),
            Mistake(
                "noise reused",
                r"You put the network's $\varepsilon$ in the place of the fresh noise z. z is drawn anew, "
                r"independent of everything.",
                f"{MEAN} + sigma*eps",
            ),
            Mistake(
                "sigma chosen",
                r"You chose $\sigma_t^2$ = $\beta_t$, one of the two permitted. Here $\sigma_t$ is left "
                r"open: write sigma.",
                f"{MEAN} + sqrt(beta)*z",
            ),
            Mistake(
                "other sigma chosen",
                r"You chose $\sigma_t^2$ = $\tilde\beta_t$, the posterior's own, permitted. Here $\sigma_t$ "
                r"is left open: write sigma.",
                f"{MEAN} + sqrt(beta*(1-abar_prev)/(1-abar))*z",
            ),
            Mistake(
                "variance",
                r"$\sigma_t^2$ z has the variance where the standard deviation belongs.",
                f"{MEAN} + sigma^2*z",
            ),
            Mistake(
                "plus",
                "The network's noise is added; it is to be taken away.",
                "(x_t + (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha) + sigma*z",
            ),
            Mistake(
                "root lost",
                r"The network's noise is divided by 1 − $\bar\alpha_t$ where its root belongs: one root of "
                r"it is in $\hat\varepsilon$'s own factor, $\sqrt{1-\bar\alpha_t}$, already.",
                "(x_t - (1-alpha)/(1-abar)*eps)/sqrt(alpha) + sigma*z",
            ),
            Mistake(
                "half the bracket",
                r"The prefactor 1/$\sqrt{\alpha_t}$ stands before the whole bracket; the part with "
                r"$\varepsilon$ has lost it.",
                "x_t/sqrt(alpha) - (1-alpha)/sqrt(1-abar)*eps + sigma*z",
            ),
            Mistake(
                "prefactor upside down",
                r"$\sqrt{\alpha_t}$ stands upside down: the forward step shrank, so the step back stretches.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps)*sqrt(alpha) + sigma*z",
            ),
            Mistake(
                "all the way",
                r"That is $\hat x_0$, with fresh noise on it: the whole way at once. The step goes to "
                r"$x_{t-1}$ only, by the posterior's mean.",
                "(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sigma*z",
            ),
            Mistake(
                "all in one",
                r"$\sigma_t$ z came inside the bracket and is divided by $\sqrt{\alpha_t}$ too.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps + sigma*z)/sqrt(alpha)",
            ),
        ],
        worked=r"$x_{t-1} = \frac1{\sqrt{\alpha_t}}\Big(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}\,\hat"
        r"\varepsilon_\theta\Big)+\sigma_t z$, with $z=0$ at $t=1$ and $\sigma_t^2 = \beta_t$ or "
        r"$\tilde\beta_t$. At $t=500$ with $x_t=1$, $\hat\varepsilon=0.5$ and $z=0$ it is ⟨one_step:.4f⟩.",
        right="Right. At t = 1 one leaves z out.",
    ),
    Prose(
        id="05.5",
        title="In what sense is this denoising?",
        prompt="In a few sentences: what is denoised in one step, what does the network know about it, and "
        "what does the step do besides taking noise away?",
        rubric=[
            r"The state $x_t$ is a shrunk picture plus Gaussian noise of standard deviation "
            r"$\sqrt{1-\bar\alpha_t}$.",
            r"The network gives a mean: E[$\varepsilon$ | $x_t$], or as well E[$x_0$ | $x_t$]; not the "
            r"noise itself.",
            "A step goes only part of the way, from the noise level of t to that of t − 1.",
            r"It adds fresh noise $\sigma_t$ z, so that the new state has the right law.",
        ],
        models=[
            "The state x_t is a shrunk picture plus Gaussian noise with standard deviation sqrt(1 - "
            "abar_t). The network gives the mean of that noise given x_t. A step goes part of the way, to "
            "the level of t-1, and puts fresh noise sigma_t z back, so that the new state has the right law.",
        ],
        mistakes=[
            Mistake(
                "all at once",
                "One step does not clear it all: at t = 500 the noise's standard deviation goes from "
                "⟨noise_500:.4f⟩ to ⟨noise_499:.4f⟩.",
                "In a step it removes all the noise at once from the state.",
                r"(all|the entire|the whole)( of)?( the)? noise (at once|in one|in a single)|removes? all",
            ),
            Mistake(
                "exact inverse",
                "It is no inverse of the forward step: information that is gone stays gone. From $x_{500}$, "
                "⟨open_500:.3f⟩ of a variance of 0.25 is open. The reversal is one of distributions.",
                "The reverse step is the exact inverse of the forward step.",
                r"\bexact(ly)?\b.{0,12}(inverse|revers)|undoes exactly",
            ),
            Mistake(
                "training noise",
                "Nothing was added to this sample: it began at $x_T$ ~ N(0, I), and no picture is hidden in "
                "it. At t = 2 as at t = 1000 the network gives a mean over what is possible.",
                "It subtracts exactly the noise that was added during training to the picture.",
                r"(subtract|remove|take|predict|recover|find|know)\w*\b.{0,40}"
                r"noise (that|which) (was|had been) added",
            ),
            Mistake(
                "only removes",
                r"It also adds: $\sigma_t$ z, with standard deviation ⟨root_beta_500:.3f⟩ at t = 500. "
                r"Without it all chains end at nearly one point.",
                "Each step only removes a small amount of noise and nothing else.",
                r"\b(only|just|simply) (removes?|subtracts?|takes?)",
                r"\b(step|it|then|and|also|but)\b.{0,20}\b(adds?\b(?! (no|nothing))|puts?\b.{0,30}\bback)|"
                r"fresh noise.{0,30}\b(is|gets) (added|put)",
            ),
        ],
        hints=[
            "What is $x_t$ made of?",
            "A network that minimises a squared error gives a mean.",
            "Where does $z$ come in?",
        ],
        worked=r"What is denoised is $x_t$: a shrunk picture plus noise of standard deviation "
        r"$\sqrt{1-\bar\alpha_t}$. The network gives the mean of that noise given $x_t$. The step goes a "
        r"small part of the way, to the level of $t-1$, and adds fresh noise $\sigma_t z$ so that the new "
        r"state has the right law. No original is hidden in it.",
        right="Good: a partial step towards a mean, and fresh noise.",
    ),
    Number(
        id="05.6",
        title="Passes of the full chain",
        prompt="How many times does the network run, one pass after another, to draw one batch with "
        "$T=1000$ by the full chain?",
        answer=1000,
        rel=0,
        unit="passes",
        units=("times", "runs", "evaluations"),
        also=["1000 passes", "1e3", "10^3"],
        hints=[
            r"The steps are $t=1000,\dots,1$.",
            "At $t=1$ no fresh noise is added. Is the network needed?",
        ],
        mistakes=[
            Mistake(
                "one",
                "One pass is what training takes, or a GAN. Here $x_{999}$ must be there before $x_{998}$ "
                "can be drawn.",
                1,
            ),
            Mistake(
                "999",
                r"The last step counts too. At t = 1 no noise is added, but its mean still needs "
                r"$\hat\varepsilon$($x_1$, 1), as at t = 2.",
                999,
            ),
            Mistake(
                "1001",
                "There is no pass at t = 0: $x_0$ is the result. The last passes are those at t = 2 and t = "
                "1.",
                1001,
            ),
            Mistake(
                "the shortened walk",
                "50 is the walk of section 1, in jumps of 20 levels. The full chain goes by every t, 1000 of "
                "them.",
                50,
            ),
            Mistake(
                "two each",
                "Two passes a step are for guidance, one with and one without the label. Here t = 2 takes "
                "one.",
                2000,
            ),
        ],
        worked=r"$T = 1000$: one at each of $t=1000,\dots,1$. A batch shares each pass.",
        right="Right: one at each t from 1000 to 1.",
    ),
    Function(
        id="05.7",
        title="An ancestral step, in code",
        prompt=r"Write `answer(x0, xt, s, t, noise)`, the ancestral step: a draw of $q(x_s\mid x_t,x_0)$ "
        r"with the estimate `x0` in the place of $x_0$, and with the posterior's own variance. `s` and `t` "
        r"are levels, `noise` is fresh; `posterior(x0, xt, s, t)` is there if you want it. What is at stake "
        r"is the law at the end of a whole walk, so the messages speak of one: with linear(1000) and a "
        r"perfect denoiser, in a world of two modes, −1 or 1 with chances 0.3 and 0.7, give or take 0.1. "
        r"Its mean is 0.4 and its variance ⟨two_modes:.2f⟩.",
        reference=ancestral,
        cases=steps("x0 xt", (1.0, 0.5, -0.8), "noise"),
        also=[_by_hand, _from_abar, _from_eps],
        hints=[
            "Mean plus standard deviation times noise.",
            r"The mean and the variance are those of section 2; with `s.signal` for $\sqrt{\bar\alpha_s}$ "
            r"and `s.noise` for $\sqrt{1-\bar\alpha_s}$, and $\alpha$ of the jump is `(t.signal / "
            r"s.signal)**2`.",
            "`posterior` gives both, and a `Gaussian` has `.sample(noise)`.",
        ],
        mistakes=[
            Mistake(
                "no fresh noise",
                "The fresh noise is missing: that is the mean alone. Such a walk ends with a variance of "
                "0.000, all samples at 0.994: one mode is lost, the other has shrunk to a point.",
                means_only,
            ),
            Mistake(
                "variance",
                "You multiplied the noise by the variance; its root belongs there. So little noise is as "
                "good as none: the walk ends with a variance of 0.000, all samples near 0.994.",
                _variance,
            ),
            Mistake(
                "beta",
                r"That is the other permitted choice, with the variance of the jump itself, $\beta_t$ for "
                r"one step (the library calls it ancestral_beta). Over 1000 steps it also ends with a "
                r"variance of 0.850, over 10 steps with 0.79 against 0.71. Asked is the posterior's own, "
                r"$\tilde\beta_t$.",
                ancestral_beta,
            ),
            Mistake(
                "noise at the end",
                r"The variance is $\beta_t$ also at the last step, so fresh noise gets onto the finished "
                r"picture: 0.0001 more variance after 1000 steps, but 0.10 more if the walk has 10. The "
                r"posterior's own variance is 0 there.",
                noisy_to_the_end,
            ),
            Mistake(
                "noise of the marginal",
                r"The noise has standard deviation $\sqrt{1-\bar\alpha_s}$: that is all the noise in $x_s$, "
                r"and most of it is in the mean already, by $x_t$. The walk ends with a variance of 1.58 "
                r"and both modes alike.",
                _marginal,
            ),
            Mistake(
                "noise reused",
                "You used the noise that is in $x_t$. Fresh noise comes in by the argument. What the mean "
                "takes away is put back, and more: the walk grows beyond all bounds.",
                _reused,
            ),
            Mistake(
                "renoised",
                "You noised x0 afresh to level s. A draw of the posterior also looks at $x_t$. The walk "
                "ends with a variance of 0.70, for the smaller mode has lost a quarter of its share.",
                _renoised,
            ),
            Mistake(
                "bar in the posterior",
                r"$x_t$ has $\sqrt{\bar\alpha_t}$ as its factor where $\sqrt{\alpha_t}$ belongs, the factor "
                r"of this step alone. The walk forgets $x_t$ too fast and ends with a variance of 0.47.",
                stepping(barred_root, posterior),
            ),
            Mistake(
                "bar lost inside",
                r"$\sqrt{1-\alpha_t}$ stands under $\hat\varepsilon$ where $\sqrt{1-\bar\alpha_t}$ belongs, "
                r"as in the printed algorithm. Too much noise is taken away: the walk ends with a variance "
                r"of 0.002, all samples near 1.",
                stepping(unbarred_noise, posterior),
            ),
            Mistake(
                "barred prefactor",
                r"The prefactor is 1/$\sqrt{\bar\alpha_t}$ where 1/$\sqrt{\alpha_t}$ belongs, the factor of "
                r"this step alone. At t = 500 it is ⟨all_stretched:.2f⟩ instead of ⟨stretched:.3f⟩, at "
                r"every step again: the walk grows beyond all bounds.",
                stepping(barred_scale, posterior),
            ),
            Mistake(
                "exchanged",
                "x0 and xt have changed places; `posterior` takes x0 first. The walk ends with a variance of "
                "0.001, all samples near 1.",
                _exchanged,
            ),
            Mistake(
                "square lost",
                r"The jump's $\alpha$ is the *square* of t.signal / s.signal, for signal is "
                r"$\sqrt{\bar\alpha}$. Without the square the walk ends with a variance of 0.003, all "
                r"samples near nought.",
                _alpha_lost_square,
            ),
            Mistake(
                "ddim",
                "That is DDIM's step, which draws nothing. It ends with a variance of ⟨two_modes:.2f⟩ too, "
                "by another way. Asked is the random one.",
                ddim,
            ),
        ],
        worked="With `posterior` and `Gaussian.sample` it is one line, and the last step needs no branch:",
        right="Right, and a whole walk ends with a variance of ⟨two_modes:.2f⟩. At s = 0 the step's "
        "variance is 0 by itself; no branch is needed.",
    ),
    Choice(
        id="05.8",
        title="No noise at the end",
        prompt="Why is $z = 0$ in the last step, $t=1$?",
        options={
            "a": "To make the process deterministic.",
            "b": "Because $x_0$ is what we show: noise added there would be cleaned by no later step.",
            "c": r"Because $\sigma_1$ = 0 in every case.",
            "d": "Because the network is not run at t = 1.",
        },
        answer="b",
        why={
            "a": "The process is random all the same: 999 steps drew z before, the last of them at t = 2. "
            "And being deterministic is no end in itself.",
            "c": r"With $\sigma_t^2$ = $\tilde\beta_t$ it is, but with $\sigma_t^2$ = $\beta_t$ it is not: "
            r"$\sigma_1$ = ⟨root_beta_1:.2f⟩, ⟨greys:.1f⟩ grey levels of 255. (At t = 2 they are "
            r"⟨root_beta_2:.4f⟩ and ⟨root_beta_tilde_2:.4f⟩.)",
            "d": r"It is run, as at t = 2: the mean needs $\hat\varepsilon$($x_1$, 1).",
        },
        hints=["Who would take that noise away again?"],
        worked=r"**b**. The model itself, as the bound counts it, has a random last step. The sampler shows "
        r"its mean: fresh noise there is nothing but grain. With $\tilde\beta_1=0$ there isn't even a "
        r"choice.",
        right="Right: nobody comes after to clean it.",
    ),
    Function(
        id="05.9",
        title="`ddim`",
        prompt="Write `answer(x0, xt, s, t, noise)`, a step of DDIM: read the noise off that `xt` holds if "
        "its picture is the estimate `x0`, and mix the same two again at level `s`. It has the arguments of "
        "every rule, and leaves `noise` alone. The messages speak of the world of 05.7, whose variance is "
        "⟨two_modes:.2f⟩.",
        reference=ddim,
        cases=steps("x0 xt", (1.0, 0.5, -0.8), "noise"),
        also=[_ddim_in_two, _ddim_scaled, _ddim_from_abar],
        hints=[
            r"Which $\varepsilon$ solves $x_t = \sqrt{\bar\alpha_t}\,\hat "
            r"x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon$?",
            "`eps = (xt - t.signal * x0) / t.noise`; then `q_sample(x0, eps, s)`.",
        ],
        mistakes=[
            Mistake(
                "fresh noise",
                "You mixed in fresh noise. DDIM keeps the noise it finds in $x_t$, and so draws none. With "
                "fresh noise at every step the walk ends with a variance of 0.70.",
                _renoised,
            ),
            Mistake(
                "old noise level",
                r"The noise has kept the level of t, $\sqrt{1-\bar\alpha_t}$; at s it is "
                r"$\sqrt{1-\bar\alpha_s}$. It is never cleared away, and the walk ends with a variance of "
                r"2.2.",
                _ddim_old_level,
            ),
            Mistake(
                "old signal level",
                r"The picture has the factor $\sqrt{\bar\alpha_t}$ where $\sqrt{\bar\alpha_s}$ belongs: it "
                r"lags behind by one step. The walk ends with a variance of 0.78 and a mean of 0.20 instead "
                r"of 0.40.",
                _ddim_old_signal,
            ),
            Mistake(
                "not divided",
                r"$x_t$ − $\sqrt{\bar\alpha_t}$ $\hat x_0$ is $\sqrt{1-\bar\alpha_t}$ $\varepsilon$: divide "
                r"by $\sqrt{1-\bar\alpha_t}$ to have the noise itself. Undivided it dies out, and the walk "
                r"ends with a variance of 0.000.",
                _ddim_undivided,
            ),
            Mistake(
                "picture not shrunk",
                r"$\hat x_0$ wants its factor $\sqrt{\bar\alpha_s}$. At t = 500 it is ⟨signal_500:.2f⟩; "
                r"without it the walk drifts off, to a mean near 390.",
                _ddim_unshrunk,
            ),
            Mistake(
                "lost roots",
                r"$\bar\alpha_s$ and 1 − $\bar\alpha_s$ stand without their roots. The walk ends with a "
                r"variance of 0.000.",
                _ddim_lost_roots,
            ),
            Mistake(
                "mean of the posterior",
                "That is the posterior's mean, without its noise: it throws part of the noise of $x_t$ away "
                "and puts nothing in its place. The walk ends with a variance of 0.000, all samples at "
                "0.994.",
                means_only,
            ),
            Mistake(
                "unshrunk in the noise",
                r"$x_t$ holds $\sqrt{\bar\alpha_t}$ $\hat x_0$, so that is what has to be taken off to find "
                r"its noise, not $\hat x_0$. The walk ends with a variance of 0.000, all samples at −0.38.",
                _ddim_picture_unshrunk_in_noise,
            ),
            Mistake(
                "divided by the variance",
                r"t.noise is a standard deviation already, $\sqrt{1-\bar\alpha_t}$: divide by it once. With "
                r"its square the walk grows beyond all bounds.",
                _ddim_over_variance,
            ),
            Mistake(
                "all the way",
                r"You go all the way to $\hat x_0$. At level s it is mixed with noise. The walk ends with a "
                r"variance of 0.000, all samples near 1.",
                _all_the_way,
            ),
            Mistake(
                "noise on top",
                "DDIM's mean already has all the noise that belongs to level s. With fresh noise on top of "
                "it the walk ends with a variance of 1.56.",
                _ddim_noisy,
            ),
            Mistake(
                "ancestral",
                "That is the ancestral step, which trades part of the old noise for fresh. DDIM keeps all "
                "of the old and draws none. (Both end with a variance of ⟨two_modes:.2f⟩.)",
                ancestral,
            ),
        ],
        worked="The noise that is implied, at its new level:",
        right="Right: no dice at all after $x_T$, and a variance of ⟨two_modes:.2f⟩ at the end.",
    ),
    Symbolic(
        id="05.10",
        title="DDIM, from the noise",
        prompt=r"The network has said `eps` at $x_t$. Write DDIM's $x_s$ with `x_t`, `eps`, `abar` "
        r"($\bar\alpha_t$) and `abar_s` ($\bar\alpha_s$).",
        answer="sqrt(abar_s)*(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar_s)*eps",
        given=("x_t", "eps", "abar", "abar_s"),
        also=[
            r"\sqrt{\bar\alpha_s}\frac{x_t-\sqrt{1-\bar\alpha_t}\,\hat\epsilon}{\sqrt{\bar\alpha_t}}"
            r"+\sqrt{1-\bar\alpha_s}\,\hat\epsilon",
            "sqrt(abar_s/abar)*x_t + (sqrt(1-abar_s) - sqrt(abar_s*(1-abar)/abar))*eps",
            "√(ᾱ_s/ᾱ_t) (x_t − √(1−ᾱ_t) ε) + √(1−ᾱ_s) ε",
        ],
        hints=[
            "First the estimate of the picture, then the mixture at level s.",
            r"$\hat x_0 = (x_t-\sqrt{1-\bar\alpha_t}\,\hat\varepsilon)/\sqrt{\bar\alpha_t}$.",
        ],
        mistakes=[
            Mistake(
                "no noise",
                r"That is $\sqrt{\bar\alpha_s}$ $\hat x_0$ alone: the noise of level s is missing.",
                "sqrt(abar_s)*(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
            ),
            Mistake(
                "picture not shrunk",
                r"$\hat x_0$ wants the factor $\sqrt{\bar\alpha_s}$.",
                "(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar_s)*eps",
            ),
            Mistake(
                "old noise level",
                "The noise goes back in at the level of t; at s there is less of it.",
                "sqrt(abar_s)*(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar)*eps",
            ),
            Mistake(
                "lost roots",
                r"The variances $\bar\alpha$ and 1 − $\bar\alpha$ stand where their roots belong.",
                "abar_s*(x_t - (1-abar)*eps)/abar + (1-abar_s)*eps",
            ),
            Mistake(
                "levels swapped",
                "s and t have changed places: that is the way up, from less noise to more.",
                "sqrt(abar)*(x_t - sqrt(1-abar_s)*eps)/sqrt(abar_s) + sqrt(1-abar)*eps",
            ),
            Mistake(
                "not rescaled",
                r"Without the division by $\sqrt{\bar\alpha_t}$ the bracket is $\sqrt{\bar\alpha_t}$ $\hat "
                r"x_0$, not $\hat x_0$.",
                "sqrt(abar_s)*(x_t - sqrt(1-abar)*eps) + sqrt(1-abar_s)*eps",
            ),
            Mistake(
                "noise not taken off",
                r"$x_t$ still holds its old noise: take $\sqrt{1-\bar\alpha_t}$ $\varepsilon$ off before "
                r"you put $\sqrt{1-\bar\alpha_s}$ $\varepsilon$ on.",
                "sqrt(abar_s)*x_t/sqrt(abar) + sqrt(1-abar_s)*eps",
            ),
            Mistake(
                "added",
                "The noise is to be taken from $x_t$ before the picture is rescaled.",
                "sqrt(abar_s)*(x_t + sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar_s)*eps",
            ),
        ],
        worked=r"$x_s = \sqrt{\bar\alpha_s}\,\frac{x_t-\sqrt{1-\bar\alpha_t}\,\hat\varepsilon}{\sqrt{\bar"
        r"\alpha_t}} + \sqrt{1-\bar\alpha_s}\,\hat\varepsilon$. If $\hat\varepsilon$ were the noise that "
        r"made $x_t$, this would be the $x_s$ made with it.",
        right="Right: the same picture and the same noise, at another level.",
    ),
    Symbolic(
        id="05.11",
        title="The variance of a jump",
        prompt=r"Give the variance of $q(x_s\mid x_t,x_0)$ for a jump from $t$ to any $s<t$, with `abar` "
        r"($\bar\alpha_t$) and `abar_s` ($\bar\alpha_s$). For $s=t-1$ it is $\tilde\beta_t$.",
        answer="(1-abar_s)/(1-abar)*(1-abar/abar_s)",
        given=("abar", "abar_s"),
        also=[
            r"\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\left(1-\frac{\bar\alpha_t}{\bar\alpha_s}\right)",
            "(1-abar_s)*(abar_s-abar)/(abar_s*(1-abar))",
            "1/((abar/abar_s)/(1-abar/abar_s) + 1/(1-abar_s))",
        ],
        hints=[
            r"What takes the place of $\alpha_t = \bar\alpha_t/\bar\alpha_{t-1}$ in a jump?",
            r"$\beta_t$ becomes $1-\bar\alpha_t/\bar\alpha_s$, and $\bar\alpha_{t-1}$ becomes "
            r"$\bar\alpha_s$.",
        ],
        mistakes=[
            Mistake(
                "forward variance",
                r"That is the variance of the forward jump, the other permitted choice. The posterior's is "
                r"smaller by (1−$\bar\alpha_s$)/(1−$\bar\alpha_t$), because $x_0$ is known as well.",
                "1-abar/abar_s",
            ),
            Mistake(
                "upside down",
                "The factor stands upside down. Knowing more can't widen the law: it must be below 1.",
                "(1-abar)/(1-abar_s)*(1-abar/abar_s)",
            ),
            Mistake(
                "difference",
                r"$\bar\alpha_s$ − $\bar\alpha_t$ is the difference of two signals' variances. A jump has "
                r"the *ratio* as its $\alpha$.",
                "(1-abar_s)/(1-abar)*(abar_s-abar)",
            ),
            Mistake(
                "ratio upside down",
                r"The jump's $\alpha$ is $\bar\alpha_t$/$\bar\alpha_s$, the smaller over the larger; upside "
                r"down the variance is negative.",
                "(1-abar_s)/(1-abar)*(1-abar_s/abar)",
            ),
            Mistake(
                "not divided", r"The division by 1 − $\bar\alpha_t$ is missing.", "(1-abar_s)*(1-abar/abar_s)"
            ),
            Mistake(
                "marginal",
                r"1 − $\bar\alpha_s$ is the variance of $x_s$ given $x_0$ alone. Here $x_t$ is known too, "
                r"and that narrows it. (It also comes out if 1 − $\bar\alpha_t$ stands for the variance of "
                r"the jump, and cancels.)",
                "1-abar_s",
            ),
            Mistake(
                "standard deviation",
                "That is the standard deviation; the variance is asked for.",
                "sqrt((1-abar_s)/(1-abar)*(1-abar/abar_s))",
            ),
        ],
        worked=r"$\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\Big(1-\frac{\bar\alpha_t}{\bar\alpha_s}\Big)$. At "
        r"$s=0$ it is 0 whatever $t$ is: the last step adds no noise, however long it is.",
        right="Right. At s = 0 it is 0, so the last step needs no rule of its own.",
    ),
    Number(
        id="05.12",
        title="Passes for 64 digits",
        prompt="You want 64 digits. The memory holds 16 at a time, and you go from $T=1000$ down to 0 in "
        "jumps "
        "of 20 levels. How many passes of the network does it take?",
        answer=200,
        rel=0,
        unit="passes",
        also=["4*50", "64/16 * 1000/20", "200 passes"],
        hints=["How many jumps are there from 1000 to 0?", "How many batches, one after another?"],
        mistakes=[
            Mistake("one batch", "50 passes make one batch of 16 digits; there are four batches.", 50),
            Mistake(
                "each picture",
                "3200 counts every picture by itself. A batch of 16 shares each pass.",
                3200,
            ),
            Mistake("no jumps", "4000 passes would be the full chain, 1000 for each of four batches.", 4000),
            Mistake(
                "states",
                "204 counts 51 for each batch. There are 51 states, $x_{1000}$ and $x_0$ among them, and 50 "
                "jumps between them.",
                204,
            ),
            Mistake(
                "last left out",
                "196 leaves out the last jump of each batch, from 20 to 0. It adds no noise, but its mean "
                "needs the network.",
                196,
            ),
            Mistake(
                "all at once",
                "1000 passes is the full chain for a single batch.",
                1000,
            ),
        ],
        worked=r"$1000/20 = 50$ jumps, one pass each, shared by the 16 digits of a batch; $64/16 = 4$ "
        r"batches: $4\cdot 50 = 200$ passes, where the full chain would take 4000.",
        right="Right: four batches of 50 jumps.",
    ),
    Number(
        id="05.13",
        title="Two jumps",
        prompt=r"Each pixel of the data is $\mathcal N(0,1)$, and the denoiser is perfect: $\hat x_0 = "
        r"\sqrt{\bar\alpha_t}\,x_t$. Sample in two jumps, $T\to s\to 0$, with $\bar\alpha_T$ so small that "
        r"it counts as 0 and $\bar\alpha_s = 0.5$, by the ancestral step with the posterior's own variance. "
        r"What variance do the samples have, where 1 would be right?",
        answer=0.25,
        also=["0.5*0.5", "1/4", "(1-0.5)*0.5"],
        hints=[
            "At T the estimate is 0 for everyone, so $x_s$ is fresh noise alone. How much of it?",
            r"The variance of the first jump is "
            r"$\frac{1-\bar\alpha_s}{1-\bar\alpha_T}(1-\bar\alpha_T/\bar\alpha_s)$, here 0.5.",
            r"The last jump goes to $\hat x_0 = \sqrt{0.5}\,x_s$ and adds nothing.",
        ],
        mistakes=[
            Mistake(
                "exact",
                "1 is what it should be. A perfect denoiser is not enough: the steps must be small, too.",
                1,
            ),
            Mistake(
                "beta",
                r"0.5 is the variance at the stop s (where 1 would be right), or that of the samples with "
                r"the forward variance, 1 − $\bar\alpha_T$/$\bar\alpha_s$ = 1, in the first jump. Here the "
                r"first jump has 0.5, and the last one halves it.",
                0.5,
            ),
            Mistake(
                "noise at the end",
                "⟨example⟩ has fresh noise of variance 0.5 added in the last jump. There the variance is 0.",
                0.75,
            ),
            Mistake(
                "no root",
                r"⟨example⟩ has $x_s$ multiplied by $\bar\alpha_s$ = 0.5, not by its root.",
                0.125,
            ),
            Mistake(
                "not squared",
                "⟨example:.3f⟩ multiplies the variance by √0.5. A factor on x counts squared in the "
                "variance.",
                0.5**1.5,
            ),
            Mistake(
                "nothing",
                "0 would be a walk without fresh noise: all samples at the mean. The first jump draws noise "
                "of variance 0.5.",
                0,
            ),
        ],
        worked=r"At T, $\hat x_0 = 0$: $x_s$ is fresh noise of variance $1-\bar\alpha_s = 0.5$. The last "
        r"jump is the mean, $\sqrt{0.5}\,x_s$, with variance $0.5\cdot 0.5 = ⟨answer⟩$. With the forward "
        r"variance in the first jump it would be 0.5; a thousand steps come to 0.99 and 1.00.",
        right="Right: a quarter of the variance, from a perfect denoiser. The steps were too large.",
    ),
    Number(
        id="05.14",
        title="There and back",
        prompt=r"Each pixel of the data is $\mathcal N(0,1)$. A pixel $x_0$ is noised to a level with "
        r"$\bar\alpha_t=0.64$, and a perfect ancestral sampler, with as many steps as it likes, goes back "
        r"from there to a new $x_0'$. What is the correlation of $x_0$ and $x_0'$?",
        answer=0.64,
        also=["0.8^2", "16/25", "sqrt(0.64)*sqrt(0.64)"],
        hints=[
            r"Given $x_t$, the new $x_0'$ is a draw from $q(x_0\mid x_t)$, independent of the old one.",
            r"So the covariance is that of $\mathbb E[x_0\mid x_t]$ with itself.",
            r"$\mathbb E[x_0\mid x_t] = \sqrt{\bar\alpha_t}\,x_t$, and $x_t$ has variance 1.",
        ],
        mistakes=[
            Mistake(
                "undone",
                "1 would be an undoing. The sampler doesn't know which noise was added; it draws a new "
                "$x_0$ that fits $x_t$.",
                1,
            ),
            Mistake(
                "one way",
                "⟨example⟩ is the correlation of $x_0$ and $x_t$, one way. The way back costs the same "
                "factor again. (DDIM, which draws no noise, would bring ⟨example⟩ back.)",
                0.8,
            ),
            Mistake(
                "lost",
                "⟨example⟩ is the share of the noise in $x_t$. What comes back the same is the rest.",
                0.36,
            ),
            Mistake(
                "the noise's deviation",
                "⟨example⟩ is the standard deviation of the noise in $x_t$, √0.36. What comes back the same "
                "is the signal's part.",
                0.6,
            ),
            Mistake(
                "squared",
                "⟨example⟩ is 0.64². The factor for one way is √0.64 = 0.8, and there are two ways.",
                0.4096,
            ),
            Mistake(
                "forgotten",
                r"0 would be right if nothing of $x_0$ were left in $x_t$, $\bar\alpha_t$ = 0.",
                0,
            ),
        ],
        worked=r"$\mathrm{Cov}(x_0,x_0') = \mathrm{Var}\,\mathbb E[x_0\mid x_t] = \bar\alpha_t = ⟨answer⟩$, "
        r"and both have variance 1. In general it is the share of the variance of $x_0$ that $x_t$ explains.",
        right=r"Right: $\sqrt{\bar\alpha_t}$ there, $\sqrt{\bar\alpha_t}$ back.",
    ),
    Choice(
        id="05.15",
        title="Which variance, for which data?",
        prompt=r"Let the denoiser be perfect. $\sigma_t^2=\beta_t$ and $\sigma_t^2=\tilde\beta_t$: for "
        r"which data is each the variance of the true $q(x_{t-1}\mid x_t)$?",
        options={
            "a": r"$\tilde\beta_t$ for a single picture, $\beta_t$ for data N(0, I).",
            "b": r"$\beta_t$ for a single picture, $\tilde\beta_t$ for data N(0, I).",
            "c": r"$\tilde\beta_t$ for all data, for it is the variance of the posterior.",
            "d": "Both for all data, if the network is good enough.",
            "e": "Neither for any data; the variance must be learned.",
        },
        answer="a",
        why={
            "b": r"The other way round. With one picture $x_0$ is known, and only $\tilde\beta_t$ is left: "
            r"⟨narrow:.2f⟩ in the jump from 500 to 400 of linear(1000), where $\beta$ is ⟨wide:.2f⟩.",
            "c": "The posterior is told $x_0$, the sampler isn't. What it doesn't know of $x_0$ comes on "
            "top: for N(0, I) in the jump from 500 to 400, ⟨narrow:.2f⟩ grows to ⟨wide:.2f⟩.",
            "d": "The network gives the mean. The spread around it belongs to the data: ⟨narrow:.2f⟩ for a "
            "point and ⟨wide:.2f⟩ for N(0, I), in the jump from 500 to 400.",
            "e": r"Two kinds of data have a simple answer: ⟨narrow:.2f⟩ = $\tilde\beta$ for a point, "
            r"⟨wide:.2f⟩ = $\beta$ for N(0, I) in the jump from 500 to 400. Between them it can be "
            r"measured, and need not be learned.",
        },
        hints=[
            "What does the sampler not know that the posterior knows?",
            "If the data are a single picture?",
        ],
        worked=r"**a**. One picture: $x_0$ is known, and the posterior is the truth. Data $\mathcal "
        r"N(0,I)$: all $x_t$ are $\mathcal N(0,I)$, and the chain looks the same in both directions, so its "
        r"step back has the variance of its step forth. Between the two, add to $\tilde\beta_t$ what is "
        r"unknown of $x_0$, seen through the posterior's mean.",
        right="Right, and for data in between the truth lies in between.",
    ),
    Choice(
        id="05.16",
        title="Spot the fault in a sampler",
        prompt="In this sampler (linear(1000), full chain) one line is at fault. Which?",
        options={
            "a": "`x = torch.randn(16, 1, 8, 8)`, first",
            "b": "`z = torch.randn_like(x)`, second",
            "c": "`for t in range(1000, 0, -1):`, third",
            "d": "`x0 = denoiser(x, t)`, in the loop",
            "e": "`x = ancestral(x0, x, schedule.level(t - 1), schedule.level(t), z)`, in the loop",
        },
        answer="b",
        why={
            "a": "The start is right: N(0, I), of the shape of 16 digits of 64 pixels.",
            "c": "The loop is right: range(1000, 0, -1) ends at 1, so there are 1000 steps, the last from 1 "
            "to 0.",
            "d": "Right: the estimate of $x_0$ at each of the 1000 states.",
            "e": r"The step is right, and at t = 1 it adds no noise, for $\tilde\beta_1$ = 0. But look at "
            r"where its z comes from.",
        },
        hints=["Which of them ought to happen a thousand times?"],
        worked="**b** belongs inside the loop. With the same $z$ at every step the pushes add up instead of "
        "averaging out: two modes of variance ⟨two_modes:.2f⟩ come out with 5.0. Nothing fails, nothing "
        "warns; only a look at the spread tells.",
        right="Right: fresh noise is fresh at every step. Drawn once, it makes a variance of 5.0 out of "
        "⟨two_modes:.2f⟩.",
    ),
]
