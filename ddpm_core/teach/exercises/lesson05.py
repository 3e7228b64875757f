"""Sampling: the step back, its noise, and how many there are."""

from torch import Tensor

from ...gaussian import Gaussian
from ...process import between, posterior
from ...sampling import ancestral, ddim
from ...schedule import Level
from ..check import SCHEDULE, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import steps


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


def _no_noise(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return posterior(x0, xt, s, t).mean


def _variance(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    mean, var = posterior(x0, xt, s, t)
    return mean + var * noise


def _beta(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return Gaussian(posterior(x0, xt, s, t).mean, between(s, t)[1] * (s.noise > 0)).sample(noise)


def _noisy_end(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return Gaussian(posterior(x0, xt, s, t).mean, between(s, t)[1]).sample(noise)


def _reused(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return posterior(x0, xt, s, t).sample((xt - t.signal * x0) / t.noise)


def _renoised(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + s.noise * noise


MEAN = "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)"

EXERCISES = [
    Choice(
        id="05.1",
        title="Why sampling takes its time",
        prompt="A GAN draws a picture in one pass of its network. Why is a DDPM with $T=1000$ slower?",
        options={
            "a": "Its network is larger.",
            "b": "It must run its network once for each step, and each step needs the result of the one "
            "before.",
            "c": "It must first noise a picture, and then denoise it.",
            "d": "Its training is slower.",
            "e": "It runs T passes, though they could run side by side.",
        },
        answer="b",
        why={
            "a": "Size isn't the cause: with the same network for both, one picture takes 1 pass there and "
            "1000 here.",
            "c": "The forward process is not run when sampling: x_T is drawn from N(0, I) directly, and no "
            "picture is at hand.",
            "d": "Training draws one random t, say t = 417, and makes one pass. It is the chain of sampling "
            "that is long.",
            "e": "They can't, for one picture: the input at t = 999 is the output at t = 1000. Only "
            "*different* pictures run side by side.",
        },
        hints=["How many passes does one picture take?", "Which input does the pass at $t-1$ need?"],
        worked="**b**. $x_T\\to x_{T-1}\\to\\dots\\to x_0$: one evaluation for each step, one after "
        "another. Fewer, larger steps (lesson 05) cut their number; nothing makes them independent.",
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
            "e": "From a draw of N(0, β_T I).",
        },
        answer="d",
        why={
            "a": "That edits a picture; it isn't generation. And the start would hardly matter: x_1000 "
            "keeps 0.6 % of its picture.",
            "b": "The network never saw zeros at t = 1000: its states there have standard deviation 1.00.",
            "c": "A uniform pixel has standard deviation 0.577; the states at t = 1000 have 1.00 and a "
            "Gaussian's tails.",
            "e": "β_1000 = 0.02 is the variance of the *last step*. All steps together leave 1 − ᾱ_1000 = "
            "0.99996.",
        },
        hints=["Which law does $q(x_T\\mid x_0)$ come close to, for every $x_0$?"],
        worked="**d**: $x_T\\sim\\mathcal N(0,I)$, the prior of the model. It fits because $q(x_T\\mid "
        "x_0)$ is nearly that for every $x_0$: $\\sqrt{\\bar\\alpha_T} = 0.0064$ for linear(1000).",
        right="Right: the prior of the chain.",
    ),
    Choice(
        id="05.3",
        title="The step's two parameters",
        prompt="$p_\\theta(x_{t-1}\\mid x_t) = \\mathcal N(\\mu_\\theta, \\sigma_t^2 I)$. Where do "
        "$\\mu_\\theta$ and $\\sigma_t^2$ come from in a DDPM?",
        options={
            "a": "Both from the network.",
            "b": "μ_θ by the network's ε̂ through a fixed formula; σ_t² from the schedule: β_t or β̃_t.",
            "c": "μ_θ by the network; σ_t² = 1 − ᾱ_t.",
            "d": "Both are fitted anew while sampling.",
            "e": "μ_θ by the network; β_t is the standard deviation.",
        },
        answer="b",
        why={
            "a": "Only the mean. The variance is fixed: at t = 2 of linear(1000), β_2 = 0.00012 or β̃_2 = "
            "0.0000545.",
            "c": "1 − ᾱ_t is all the noise in x_t: 0.921 at t = 500. The step's own variance is 0.010.",
            "d": "Sampling fits nothing. At t = 500 σ_t² is 0.01004 for every picture.",
            "e": "β_t is a variance. At t = 500 it is 0.0100, and the standard deviation 0.100, ten times "
            "as much.",
        },
        hints=["Which of the two depends on the picture?"],
        worked="**b**. $\\mu_\\theta = "
        "\\frac1{\\sqrt{\\alpha_t}}\\big(x_t-\\frac{\\beta_t}{\\sqrt{1-\\bar\\alpha_t}}"
        "\\hat\\varepsilon_\\theta(x_t,t)\\big)$. "
        "$\\sigma_t^2=\\beta_t$ is exact for data $\\mathcal N(0,I)$, $\\tilde\\beta_t$ for a single "
        "picture; they bracket the truth.",
        right="Right: the mean is learned, the variance chosen.",
    ),
    Symbolic(
        id="05.4",
        title="One step back",
        prompt="Write $x_{t-1}$ for $t > 1$ with `x_t`, the network's `eps`, fresh noise `z` and `sigma` "
        "($\\sigma_t$, a standard deviation). (Fresh noise is called $z$, for it is not the $\\varepsilon$ "
        "of the way forward.)",
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
                "The prefactor is 1/√ᾱ_t where 1/√α_t belongs. Over a whole chain the numbers explode.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(abar) + sigma*z",
            ),
            Mistake(
                "bar lost inside",
                "Inside, √(1 − α_t) stands where √(1 − ᾱ_t) belongs. The samples keep their mean, but a "
                "spread of 0.50 comes out as 0.175, and rare modes vanish.",
                "(x_t - (1-alpha)/sqrt(1-alpha)*eps)/sqrt(alpha) + sigma*z",
            ),
            Mistake(
                "barred posterior",
                "In the posterior mean you used, x_t has √ᾱ_t where √α_t belongs.",
                "(sqrt(abar)*(1-abar_prev)*x_t + "
                "sqrt(abar_prev)*beta*(x_t-sqrt(1-abar)*eps)/sqrt(abar))/(1-abar) + sigma*z",
            ),
            Mistake(
                "no fresh noise",
                "σ_t z is missing. That is the mean alone; walked down like this, all chains end at nearly "
                "one point: a spread of 0.50 comes out as 0.0016.",
                MEAN,
            ),
            Mistake(
                "noise reused",
                "You put the network's ε in the place of the fresh noise z. z is drawn anew, independent of "
                "everything.",
                f"{MEAN} + sigma*eps",
            ),
            Mistake(
                "sigma chosen",
                "You chose σ_t² = β_t, one of the two permitted. Here σ_t is left open: write sigma.",
                f"{MEAN} + sqrt(beta)*z",
            ),
            Mistake(
                "other sigma chosen",
                "You chose σ_t² = β̃_t, the posterior's own, permitted. Here σ_t is left open: write sigma.",
                f"{MEAN} + sqrt(beta*(1-abar_prev)/(1-abar))*z",
            ),
            Mistake(
                "variance",
                "σ_t² z has the variance where the standard deviation belongs.",
                f"{MEAN} + sigma^2*z",
            ),
            Mistake(
                "plus",
                "The network's noise is added; it is to be taken away.",
                "(x_t + (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha) + sigma*z",
            ),
            Mistake(
                "all in one",
                "σ_t z came inside the bracket and is divided by √α_t too.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps + sigma*z)/sqrt(alpha)",
            ),
        ],
        worked="$x_{t-1} = "
        "\\frac1{\\sqrt{\\alpha_t}}\\Big(x_t-\\frac{1-\\alpha_t}{\\sqrt{1-\\bar\\alpha_t}}"
        "\\,\\hat\\varepsilon_\\theta\\Big)+\\sigma_t "
        "z$, with $z=0$ at $t=1$ and $\\sigma_t^2 = \\beta_t$ or $\\tilde\\beta_t$. At $t=500$ with "
        "$x_t=1$, $\\hat\\varepsilon=0.5$ and $z=0$ it is 0.9998.",
        right="Right. At t = 1 one leaves z out.",
    ),
    Prose(
        id="05.5",
        title="In what sense is this denoising?",
        prompt="In a few sentences: what is denoised in one step, what does the network know about it, and "
        "what does the step do besides taking noise away?",
        rubric=[
            "The state x_t is a shrunk picture plus Gaussian noise of standard deviation √(1−ᾱ_t).",
            "The network gives a mean: E[ε | x_t], or as well E[x_0 | x_t]; not the noise itself.",
            "A step goes only part of the way, from the noise level of t to that of t − 1.",
            "It adds fresh noise σ_t z, so that the new state has the right law.",
        ],
        models=[
            "The state x_t is a shrunk picture plus Gaussian noise with standard deviation sqrt(1 - "
            "abar_t). The network gives the mean of that noise given x_t. A step goes part of the way, to "
            "the level of t-1, and puts fresh noise sigma_t z back, so that the new state has the right law.",
        ],
        mistakes=[
            Mistake(
                "all at once",
                "One step does not clear it all: at t = 500 the noise's standard deviation goes from 0.9599 "
                "to 0.9595.",
                "In a step it removes all the noise at once from the state.",
                r"(all|the entire|the whole)( of)?( the)? noise (at once|in one|in a single)|removes? all",
            ),
            Mistake(
                "exact inverse",
                "It is no inverse of the forward step: information that is gone stays gone. From x_500, "
                "0.245 of a variance of 0.25 is open. The reversal is one of distributions.",
                "The reverse step is the exact inverse of the forward step.",
                r"\bexact(ly)?\b.{0,12}(inverse|revers)|undoes exactly",
            ),
            Mistake(
                "training noise",
                "Nothing was added to this sample: it began at x_T ~ N(0, I), and no picture is hidden in "
                "it. At t = 2 as at t = 1000 the network gives a mean over what is possible.",
                "It subtracts exactly the noise that was added during training to the picture.",
                r"noise (that|which) (was|had been) added",
            ),
            Mistake(
                "only removes",
                "It also adds: σ_t z, with standard deviation 0.100 at t = 500. Without it all chains end "
                "at nearly one point.",
                "Each step only removes a small amount of noise and nothing else.",
                r"\b(only|just|simply) (removes?|subtracts?|takes?)",
            ),
        ],
        hints=[
            "What is $x_t$ made of?",
            "A network that minimises a squared error gives a mean.",
            "Where does $z$ come in?",
        ],
        worked="What is denoised is $x_t$: a shrunk picture plus noise of standard deviation "
        "$\\sqrt{1-\\bar\\alpha_t}$. The network gives the mean of that noise given $x_t$. The step goes a "
        "small part of the way, to the level of $t-1$, and adds fresh noise $\\sigma_t z$ so that the new "
        "state has the right law. No original is hidden in it.",
        right="Good: a partial step towards a mean, and fresh noise.",
    ),
    Number(
        id="05.6",
        title="How many passes?",
        prompt="How many times does the network run, one pass after another, to draw one batch with "
        "$T=1000$ by the full chain?",
        answer=1000,
        rel=0,
        unit="passes",
        also=["1000 passes", "1e3", "10^3"],
        hints=[
            "The steps are $t=1000,\\dots,1$.",
            "At $t=1$ no fresh noise is added. Is the network needed?",
        ],
        mistakes=[
            Mistake(
                "one",
                "One pass is what training takes, or a GAN. Here x_999 must be there before x_998 can be "
                "drawn.",
                1,
            ),
            Mistake(
                "999",
                "The last step counts too. At t = 1 no noise is added, but its mean still needs ε̂(x_1, 1), "
                "as at t = 2.",
                999,
            ),
            Mistake(
                "1001",
                "There is no pass at t = 0: x_0 is the result. The last passes are those at t = 2 and t = 1.",
                1001,
            ),
            Mistake(
                "two each",
                "Two passes a step are for guidance, one with and one without the label. Here t = 2 takes "
                "one.",
                2000,
            ),
        ],
        worked="$T = 1000$: one at each of $t=1000,\\dots,1$. A batch shares each pass.",
        right="Right: one at each t from 1000 to 1.",
    ),
    Function(
        id="05.7",
        title="`ancestral`",
        prompt="Write `ancestral(x0, xt, s, t, noise)`: a draw of $q(x_s\\mid x_t,x_0)$ from the estimate "
        "`x0`, with the posterior's own variance. `s` and `t` are levels. You may use `posterior(x0, xt, s, "
        "t)`.",
        reference=ancestral,
        cases=steps("x0 xt", (1.0, 0.5, -0.8), "noise"),
        also=[_by_hand, _from_abar, _from_eps],
        hints=[
            "Mean plus standard deviation times noise.",
            "`posterior` gives both, and a `Gaussian` has `.sample(noise)`.",
        ],
        mistakes=[
            Mistake("no fresh noise", "The fresh noise is missing: that is the mean alone.", _no_noise),
            Mistake(
                "variance", "You multiplied the noise by the variance; its root belongs there.", _variance
            ),
            Mistake(
                "beta",
                "That is the other permitted choice, with β_t for the variance (the library calls it "
                "ancestral_beta). Asked is the posterior's own, β̃_t.",
                _beta,
            ),
            Mistake(
                "noise at the end",
                "The variance is β_t also at the last step, so fresh noise gets onto the finished picture. "
                "The posterior's own variance is 0 there.",
                _noisy_end,
            ),
            Mistake(
                "noise reused",
                "You used the noise that is in x_t. Fresh noise comes in by the argument.",
                _reused,
            ),
            Mistake(
                "renoised",
                "You noised x0 afresh to level s. A draw of the posterior also looks at x_t.",
                _renoised,
            ),
            Mistake("ddim", "That is DDIM's step, which draws nothing. Asked is the random one.", ddim),
        ],
        worked="With `posterior` and `Gaussian.sample` it is one line, and the last step needs no branch:",
        right="Right. At s = 0 the variance is 0 by itself; no branch is needed.",
    ),
    Choice(
        id="05.8",
        title="No noise at the end",
        prompt="Why is $z = 0$ in the last step, $t=1$?",
        options={
            "a": "To make the process deterministic.",
            "b": "Because x_0 is what we show: noise added there would be cleaned by no later step.",
            "c": "Because σ_1 = 0 in every case.",
            "d": "Because the network is not run at t = 1.",
        },
        answer="b",
        why={
            "a": "The process is random all the same: 999 steps drew z before, the last of them at t = 2. "
            "And being deterministic is no end in itself.",
            "c": "With σ_t² = β̃_t it is, but with σ_t² = β_t it is not: σ_1 = 0.01, 1.3 grey levels of "
            "255. (At t = 2 they are 0.0110 and 0.0074.)",
            "d": "It is run, as at t = 2: the mean needs ε̂(x_1, 1).",
        },
        hints=["Who would take that noise away again?"],
        worked="**b**. The model itself, as the bound counts it, has a random last step. The sampler shows "
        "its mean: fresh noise there is nothing but grain. With $\\tilde\\beta_1=0$ there isn't even a "
        "choice.",
        right="Right: nobody comes after to clean it.",
    ),
]
