"""VAE, hierarchical VAE, DDPM: who is who."""

import math

import torch
from torch import Tensor

from ...gaussian import Gaussian
from ...study.vae import diagonal, linear_elbo
from ..judge import Case, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import SCHEDULE as LINEAR
from .inputs import draw, one


def _prior(mean: Tensor) -> Gaussian:
    return Gaussian(torch.zeros_like(mean), 1.0)


def _in_one_line(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    square = ((x0 - w * mean) ** 2 + w**2 * var) / noise**2 + math.log(2 * math.pi * noise**2)
    kl = mean**2 + var - 1 - var.log()
    return -0.5 * (square + kl)[:, 0]


def _by_the_gap(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    total = w**2 + noise**2
    exact = Gaussian(0 * x0, total).log_prob(x0)
    return exact - Gaussian(mean, var).kl(Gaussian(w * x0 / total, noise**2 / total))


def _by_entropy(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    joint = Gaussian(w * mean, noise**2).log_prob(x0) + _prior(mean).log_prob(mean)
    joint = joint - 0.5 * (var * (w**2 / noise**2 + 1)).sum(1)
    return joint + 0.5 * (1 + math.log(2 * math.pi) + var.log()).sum(1)


def _plugged_in(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return Gaussian(w * mean, noise**2).log_prob(x0) - Gaussian(mean, var).kl(_prior(mean))


def _kl_added(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return linear_elbo(x0, mean, var, w, noise) + 2 * Gaussian(mean, var).kl(_prior(mean))


def _kl_turned(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    q = Gaussian(mean, var)
    return linear_elbo(x0, mean, var, w, noise) + q.kl(_prior(mean)) - _prior(mean).kl(q)


def _no_kl(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return linear_elbo(x0, mean, var, w, noise) + Gaussian(mean, var).kl(_prior(mean))


def _noise_once(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return linear_elbo(x0, mean, var, w, noise**0.5)


def _minus_elbo(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return -linear_elbo(x0, mean, var, w, noise)


def _halves(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.chunk(2, 1)
    return Gaussian(mean.reshape(-1, *shape), log_var.exp().reshape(-1, *shape))


def _sliced(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    d = out.shape[1] // 2
    return Gaussian(out[:, :d].unflatten(1, shape), out[:, d:].unflatten(1, shape).exp())


def _viewed(out: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    both = out.reshape(len(out), 2, *shape)
    return both[:, 0], torch.exp(both[:, 1])


def _deviation(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return Gaussian(mean, (log_var / 2).exp())


def _log_kept(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return Gaussian(mean, log_var)


def _turned(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    log_var, mean = out.unflatten(1, (2, *shape)).unbind(1)
    return Gaussian(mean, log_var.exp())


def _squared(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return Gaussian(mean, (2 * log_var).exp())


def _interleaved(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    return Gaussian(out[:, 0::2].unflatten(1, shape), out[:, 1::2].unflatten(1, shape).exp())


NUMBERS = {
    "known_100": 0.5 * math.log(1 + 0.25 * LINEAR.snr[100]),  # nats; for data of variance 1/4
    "known_500": 0.5 * math.log(1 + 0.25 * LINEAR.snr[500]),
    "log_p": -0.25 - 0.5 * math.log(4 * math.pi),
    "lazy": -1 - 0.5 * math.log(2 * math.pi),
    "bit": math.log(2),
    "decimal": math.log10(2),
    "decade": math.log(10),
    "greys": math.log2(17),
    "picture": 64 * -0.5 * math.log(1e-9),
}

MODEL = "log p(x_2) + log p(x_1|x_2) + log p(x_0|x_1)"
ENCODER = "log q(x_2|x_0) + log q(x_1|x_2,x_0)"

EXERCISES = [
    Choice(
        id="01.1",
        title="The name of the family",
        prompt="Which name do the models of this course go by?",
        options={
            "a": "Stable Diffusion",
            "b": "Diffusion autoencoders",
            "c": "Denoising diffusion implicit models",
            "d": "Denoising diffusion probabilistic models, or simply diffusion models",
        },
        answer="d",
        why={
            "a": "Stable Diffusion is one product, built much later: a diffusion model that works on the "
            "latents of an autoencoder (4 × 64 × 64 numbers for a picture of 3 × 512 × 512) and listens to "
            "text.",
            "b": "A diffusion autoencoder has, besides the noisy states $x_1$ … $x_T$, a learned code of "
            "the picture. The models here have none: even $x_2$ is nothing but a noised picture.",
            "c": "DDIM is a way of *sampling* from such a model: in 50 steps instead of 1000, say, with the "
            "same network and no new training. It isn't the model.",
        },
        hints=[
            "The abbreviation has four letters and starts with two Ds.",
            "The P stands for *probabilistic*.",
        ],
        worked="**d**: denoising diffusion probabilistic models, DDPM for short (Ho, Jain & Abbeel 2020).",
        right="Right: DDPM, or diffusion models for short.",
    ),
    Choice(
        id="01.2",
        title="A DDPM is a kind of VAE",
        prompt="How is a DDPM related to a VAE?",
        options={
            "a": "A VAE is a special case of a DDPM.",
            "b": "They share the word *encoder*, and nothing that matters.",
            "c": "A DDPM is a Markovian hierarchical VAE: T latents of the data's size, a fixed Gaussian "
            "noising chain that ends near N(0, I) as encoder, one time-conditioned network as decoder, "
            "trained on the same kind of bound.",
            "d": "Any hierarchical VAE whose latents have the data's size is a DDPM.",
            "e": "A DDPM is a GAN whose generator gets noise at every step.",
        },
        answer="c",
        why={
            "a": "The inclusion is turned round. A VAE may learn its encoder and choose its latent size "
            "freely; a DDPM gives up both. With T = 2 latents it is a two-level VAE with a fixed encoder.",
            "b": "They share the bound. Both maximise the mean, over q, of log p(data, latents) − log "
            "q(latents | data); a DDPM with T = 2 has it with two latents, a VAE with one.",
            "d": "The size alone is not enough. Take $x_t$ = $x_{t-1}$ + 0.000001 · noise: T latents of the "
            "right size, but after 1000 steps the picture is untouched, and $x_T$ is no noise at all. A "
            "DDPM also needs a schedule that leads to N(0, I).",
            "e": "A GAN has a second network that judges. A DDPM has none: what it trains, at t = 2 as at t "
            "= 1000, are terms of one bound on log p($x_0$).",
        },
        hints=[
            "Which is the more general: a fixed encoder or a learned one?",
            "Look for the option that restricts most: latents, encoder, its end, decoder.",
        ],
        worked=r"**c**. Start from a hierarchical VAE and restrict it: the latents form a Markov chain, "
        r"each has the data's size, the encoder is chosen (scale and add Gaussian noise) rather than "
        r"learned, its schedule ends near $\mathcal N(0, I)$, and one network, told $t$, serves all levels "
        r"of the decoder. The bound stays the same.",
        right="Right. A VAE under many restrictions, with the same bound.",
    ),
    Choice(
        id="01.3",
        title="Two encoders",
        prompt="What sets the forward process of a DDPM apart from the encoder of a VAE?",
        options={
            "a": "The forward process is deterministic, the VAE's encoder is random.",
            "b": "The forward process is the U-Net.",
            "c": "The forward process is fixed in advance and has nothing to train; the VAE's encoder is "
            "learned. Both are random.",
            "d": "A DDPM has no encoder.",
            "e": r"The forward process learns its $\beta_t$.",
        },
        answer="c",
        why={
            "a": "Fixed is not the same as deterministic. Two runs from the same picture differ: at t = 500 "
            "of linear(1000) each pixel carries noise with standard deviation ⟨noise_500:.2f⟩.",
            "b": r"The U-Net works on the way *back*: it looks at $x_t$ and estimates the noise. The way "
            r"forward is one line without a network: at t = 500 it is ⟨signal_500:.3f⟩ · $x_0$ + "
            r"⟨noise_500:.3f⟩ · $\varepsilon$.",
            "d": r"It has one, q($x_{1:T}$ | $x_0$), and the bound is an average over it. It merely has no "
            r"weights: at t = 2 it is N($\sqrt{\alpha_2}$ $x_1$, $\beta_2$ I), with $\beta_2$ = "
            r"⟨beta_2:.5f⟩ chosen beforehand.",
            "e": r"One may learn them, but a DDPM doesn't. With $\beta_t$ fixed, $L_T$ is a constant "
            r"(⟨prior_1000:.5f⟩ nats for a pixel at 1) and needs no gradient.",
        },
        hints=["Ask of each: which numbers does training change?", "Fixed and random are not opposites."],
        worked=r"**c**. The VAE's $q_\phi(x_1\mid x_0)$ has weights $\phi$ that are trained along with the "
        r"decoder. The kernels $q(x_t\mid x_{t-1}) = \mathcal N(\sqrt{1-\beta_t}\,x_{t-1}, \beta_t I)$ are "
        r"chosen beforehand. So $L_T$ is a constant, and no gradient flows through the noising.",
        right="Right: fixed, but not deterministic.",
    ),
    Number(
        id="01.4",
        title="How many latent numbers?",
        prompt=r"The pictures have $3 \times 32 \times 32$ numbers, and $T = 1000$. How many numbers do all "
        r"latents $x_1, \dots, x_T$ of one picture hold together?",
        answer=3_072_000,
        rel=0,
        unit="numbers",
        also=["3 072 000", "1000*32*32*3", "3,072,000"],
        hints=[
            "How large is one latent?",
            r"Each is as large as the picture, $3\cdot32\cdot32 = 3072$. There are $T$.",
        ],
        mistakes=[
            Mistake(
                "one latent",
                "3072 is one latent. $x_1$, $x_2$ and all others up to $x_{1000}$ have as many each.",
                3072,
            ),
            Mistake(
                "one number each",
                "You gave each latent one number. $x_2$, say, is a whole picture: 3072 numbers.",
                1000,
            ),
            Mistake(
                "with the data",
                "You counted $x_0$ too. It is the data; the latents are $x_1$ to $x_{1000}$.",
                3072 * 1001,
            ),
            Mistake(
                "one channel", "You forgot the three colours: $x_2$ has 3 · 32 · 32 numbers.", 1024 * 1000
            ),
        ],
        worked=r"Each latent is as large as the picture: $3\cdot 32\cdot 32 = 3072$. There are $T = 1000$ "
        r"of them, so $3\,072\,000$. Nothing is compressed in *size*; the information is drowned instead.",
        right="Right: 1000 latents of 3072 numbers.",
    ),
    Prose(
        id="01.5",
        title="What is learned, and what for",
        prompt="In two or three sentences: what does a DDPM learn, by which criterion, and to what end?",
        rubric=[
            "Learned are the reverse kernels p($x_{t-1}$ | $x_t$), or the network inside them.",
            "The criterion is the ELBO, or the re-weighted noise regression made from it.",
            "The end: draws from N(0, I), walked back, should be distributed like the data.",
        ],
        models=[
            "It learns the reverse kernels p(x_{t-1} | x_t) for every t. Training maximises the ELBO, in "
            "practice its re-weighted form, a regression on the noise. Then a walk from N(0, I) gives "
            "samples whose distribution is close to that of the data.",
        ],
        mistakes=[
            Mistake(
                "learns to add noise",
                r"Adding noise is not learned: the forward process has no weights. At t = 500 it is "
                r"⟨signal_500:.3f⟩ · $x_0$ + ⟨noise_500:.3f⟩ · $\varepsilon$, for every network.",
                "The model learns to add noise to the pictures step by step.",
                r"learns?( how)? to (add\b(?! back).{0,15}\bnoise|destroy|noise)\b(?!-)",
            ),
            Mistake(
                "learns the encoder",
                r"The encoder is fixed here. At t = 2 it is N($\sqrt{\alpha_2}$ $x_1$, $\beta_2$ I) with "
                r"$\beta_2$ = ⟨beta_2:.5f⟩, before training and after it.",
                "During training it learns the encoder q that maps to noise.",
                r"learns?( the| its)? (encoder|forward process)",
            ),
            Mistake(
                "recovers the original",
                "The original can't be had back. For data N(1, 0.25), $x_{500}$ leaves a variance of "
                "⟨open_500:.3f⟩ of the 0.25 open. What is matched is the distribution.",
                "It learns to recover the exact original image from the noise.",
                r"(recover|restore|reconstruct)s?\b.{0,30}\b(exact|original)",
            ),
        ],
        hints=["Three parts: what, how measured, what for.", "What is learned goes from $x_t$ to $x_{t-1}$."],
        worked=r"It learns the reverse kernels $p_\theta(x_{t-1}\mid x_t)$, $t = T, \dots, 1$, through one "
        r"network. The criterion is the ELBO, in practice the re-weighted regression $L_{\text{simple}}$ of "
        r"lesson 04. The end is a sampler: from $x_T\sim\mathcal N(0,I)$ back to an $x_0$ that is "
        r"distributed like the data.",
        right="Good: what, by which measure, and what for.",
    ),
    Choice(
        id="01.6",
        title="The size of a latent",
        prompt=r"How large are the latents $x_1, \dots, x_T$ of a DDPM?",
        options={
            "a": "Smaller than the picture: the chain is a bottleneck.",
            "b": "They shrink from step to step.",
            "c": "Each is as large as the picture.",
            "d": "There is one latent, a vector of T numbers.",
        },
        answer="c",
        why={
            "a": r"That is a VAE's habit, and not even its duty. Here $x_2$ = $\sqrt{\alpha_2}$ $x_1$ + "
            r"$\sqrt{\beta_2}$ $\varepsilon$ has the shape of $x_1$: 32 × 32 × 3 stays 3072 numbers.",
            "b": "It is the *information* that shrinks: ⟨known_100:.2f⟩ nats of a pixel at t = 100, "
            "⟨known_500:.2f⟩ at t = 500 (of linear(1000), for data N(1, 0.25)). The shape stays.",
            "d": "There are T latents, one for each time. $x_2$ alone has as many numbers as the picture.",
        },
        hints=[r"Look at the kernel: what shape has $\sqrt{1-\beta}\,x + \sqrt\beta\,\varepsilon$?"],
        worked="**c**. Scaling and adding noise keep the shape. Equal size does not mean equal information: "
        "at $t = T$ almost nothing of the picture is left.",
        right="Right: the same shape at every t, with less and less of the picture in it.",
    ),
    Symbolic(
        id="01.7",
        title="What a latent costs",
        prompt=r"For one latent number the encoder says $q = \mathcal N(\mu, \sigma^2)$; the prior is $p = "
        r"\mathcal N(0, 1)$. What is $\mathrm{KL}(q\,\|\,p)$, in nats? Use `mu` and `sigma`. (A wrong "
        r"answer is tried on numbers, a $\sigma$ and a $\mu$. They are taken from a step $t$ of a DDPM, but "
        r"any would do.)",
        answer="(mu^2 + sigma^2 - 1)/2 - log(sigma)",
        given=("mu", "sigma"),
        also=[
            "0.5*(μ² + σ² - 1 - ln(σ²))",
            r"\frac{\mu^2}{2} + \frac{\sigma^2 - 1}{2} - \log(\sigma)",
            "mu^2/2 + sigma^2/2 + log(1/sigma) - 1/2",
        ],
        hints=[
            r"It is $\mathbb E_q[\log q - \log p]$. Write both logarithms out; the $2\pi$ cancels.",
            r"$\mathbb E_q[(x-\mu)^2] = \sigma^2$ and $\mathbb E_q[x^2] = \mu^2 + \sigma^2$.",
            r"From $\log q$ come $-\log\sigma$ and $-\tfrac12$.",
        ],
        mistakes=[
            Mistake(
                "turned round",
                "That is KL(p‖q), the prior first. The bound averages over the encoder's draws, so q comes "
                "first.",
                "log(sigma) + (1 + mu^2)/(2*sigma^2) - 1/2",
            ),
            Mistake(
                "no logarithm",
                r"The logarithm is missing. Without it a $\sigma$ near 0, a latent known exactly, would "
                r"cost almost nothing; it costs without bound.",
                "(mu^2 + sigma^2 - 1)/2",
            ),
            Mistake(
                "log of the variance",
                r"−log $\sigma^2$ with nothing halved is twice too much: −½ log $\sigma^2$ = −log $\sigma$.",
                "(mu^2 + sigma^2 - 1)/2 - log(sigma^2)",
            ),
            Mistake(
                "not zero",
                r"At $\mu$ = 0, $\sigma$ = 1 the two are the same and the KL must be 0. Yours is ½ there.",
                "(mu^2 + sigma^2)/2 - log(sigma)",
            ),
            Mistake(
                "not halved",
                r"The quadratic part wants a half: it comes from $-(x-\mu)^2/(2\sigma^2)$.",
                "mu^2 + sigma^2 - 1 - log(sigma)",
            ),
            Mistake(
                "deviation for variance",
                r"$\sigma$ stands where $\sigma^2$ belongs: E x² = $\mu^2$ + $\sigma^2$.",
                "(mu^2 + sigma - 1)/2 - log(sigma)",
            ),
        ],
        worked=r"$\mathbb E_q\big[-\log\sigma - \tfrac{(x-\mu)^2}{2\sigma^2} + \tfrac{x^2}{2}\big] = "
        r"-\log\sigma - \tfrac12 + \tfrac{\mu^2+\sigma^2}{2}$. It is 0 only for $\mu = 0$, $\sigma = 1$: a "
        r"latent that says nothing of the picture.",
        right="Right. It is 0 only where the latent says nothing about the picture.",
    ),
    Number(
        id="01.8",
        title="The gap",
        prompt=r"The linear VAE has $p(x_1) = \mathcal N(0, 1)$ and $p(x_0\mid x_1) = \mathcal N(x_1, 1)$. "
        r"For $x_0 = 1$ the posterior is $\mathcal N(\tfrac12, \tfrac12)$. A lazy encoder always answers $q "
        r"= \mathcal N(0, 1)$. By how many nats does its bound stay below $\log p(x_0)$?",
        answer=0.75 - 0.5 * math.log(2),
        unit="nats",
        also=["0.75 - log(2)/2", "(0.25/0.5 + 2 - 1 - log(2))/2", "3/4 - ln(sqrt(2))", 0.40343],
        hints=[
            r"$\log p(x_0) = \text{ELBO} + \mathrm{KL}(q\,\|\,\text{posterior})$.",
            r"$\mathrm{KL}(\mathcal N(\mu_1, v_1)\,\|\,\mathcal N(\mu_2, v_2)) = "
            r"\tfrac12\big(\tfrac{(\mu_1-\mu_2)^2}{v_2} + \tfrac{v_1}{v_2} - 1 - \log\tfrac{v_1}{v_2}\big)$.",
            r"Here $\mu_1 = 0$, $v_1 = 1$, $\mu_2 = v_2 = \tfrac12$.",
        ],
        mistakes=[
            Mistake(
                "turned round",
                "⟨example:.4f⟩ is KL(posterior‖q). The gap has q first: the encoder's draws are averaged "
                "over.",
                0.5 * (math.log(2) - 0.25),
            ),
            Mistake(
                "the bound itself",
                "⟨example:.4f⟩ is the bound. Asked is how far it lies below log p($x_0$).",
                -1 - 0.5 * math.log(2 * math.pi),
            ),
            Mistake(
                "to the prior",
                "0 is KL(q‖prior), a term *of* the bound. The gap is the KL to the posterior N(½, ½).",
                0.0,
            ),
            Mistake(
                "no log",
                "⟨example⟩ lacks the logarithm of the variances' ratio: −½ log 2.",
                0.75,
            ),
            Mistake(
                "not halved",
                "⟨example:.4f⟩ is twice the gap. Each part of the KL carries a factor ½.",
                1.5 - math.log(2),
            ),
            Mistake(
                "deviations",
                "You put √½ where the variance ½ belongs.",
                0.5 * (0.25 / 0.5**0.5 + 1 / 0.5**0.5 - 1 - 0.5 * math.log(2)),
            ),
            Mistake(
                "log p itself",
                "⟨example:.4f⟩ is log p($x_0$) itself, of N(0, 2) at 1. The gap is what the bound misses of "
                "it.",
                -0.25 - 0.5 * math.log(4 * math.pi),
            ),
        ],
        worked=r"$\tfrac12\big(\tfrac{1/4}{1/2} + \tfrac{1}{1/2} - 1 - \log 2\big) = \tfrac12(1.5 - "
        r"⟨bit:.4f⟩) = ⟨answer:.4f⟩$ nats. And $\log p(1) = ⟨log_p:.4f⟩$, so the lazy encoder's bound is "
        r"$⟨lazy:.4f⟩$.",
        right="Right: ⟨answer:.4f⟩ nats, which a better encoder would win back.",
    ),
    Function(
        id="01.9",
        title="The bound of a linear VAE",
        prompt=r"Write `answer(x0, mean, var, w, noise)`: the ELBO of the linear VAE $p(x_1) = \mathcal "
        r"N(0, 1)$, $p(x_0\mid x_1) = \mathcal N(w\,x_1, \text{noise}^2)$ for an encoder $q(x_1\mid x_0) = "
        r"\mathcal N(\text{mean}, \text{var})$: the exact expectation, no draws. `x0`, `mean`, `var` have "
        r"shape `(B, 1)`, the result `(B,)`, in nats. `Gaussian(m, v).log_prob(x)` and `.kl(other)` give "
        r"`(B,)` each.",
        reference=linear_elbo,
        cases=[
            Case(
                "x0 = 1, mean = 0.5, var = 0.5, w = 2, noise = 0.5",
                (one(1), one(0.5), one(0.5), 2.0, 0.5),
            ),
            Case("x0 = 1, mean = 0, var = 1, w = 1, noise = 1", (one(1), one(0), one(1), 1.0, 1.0)),
            Case(
                "a batch of three (seeded), w = 0.7, noise = 0.3",
                (draw(1, 3, 1), draw(2, 3, 1), draw(3, 3, 1).exp(), 0.7, 0.3),
            ),
        ],
        also=[_in_one_line, _by_the_gap, _by_entropy],
        hints=[
            "Reconstruction minus KL. The KL is one call.",
            r"The reconstruction is $\mathbb E_q[\log \mathcal N(x_0;\, w x_1, \text{noise}^2)]$. Only the "
            r"square $(x_0 - w x_1)^2$ needs an average.",
            r"$\mathbb E_q (x_0 - w x_1)^2 = (x_0 - w\,\text{mean})^2 + w^2\,\text{var}$.",
        ],
        mistakes=[
            Mistake(
                "plugged in",
                "You put the mean in for the draw. The expectation of a square is larger than the square of "
                "the mean: w² var / (2 noise²) is missing.",
                _plugged_in,
            ),
            Mistake("kl added", "The KL is added. It is a cost: reconstruction minus KL.", _kl_added),
            Mistake(
                "kl turned round", "The KL has the prior first. It is KL(q‖p): the encoder first.", _kl_turned
            ),
            Mistake(
                "deviation for variance",
                "The decoder's variance is noise², and you used noise. A Gaussian here takes its variance.",
                _noise_once,
            ),
            Mistake("no kl", "The KL to the prior is missing; that is the reconstruction alone.", _no_kl),
            Mistake(
                "minus",
                "That is minus the ELBO, the loss that training makes small. Asked is the bound itself.",
                _minus_elbo,
            ),
        ],
        worked="The average of the square brings the encoder's own variance in; the rest is two calls:",
        right="Right. It meets log p($x_0$) exactly where q is the posterior.",
    ),
    Function(
        id="01.10",
        title="From a network to a Gaussian",
        prompt="A network's output has shape `(B, 2 * d)`: first $d$ means, then $d$ *logarithms of "
        "variances*, so that any real number is allowed. Write `answer(out, shape)`: the `Gaussian(mean, "
        "var)` over `(B, *shape)`, where `shape` has $d$ entries in all.",
        reference=diagonal,
        cases=[
            Case("out = (0.5, -1), shape = (1,)", (torch.tensor([[0.5, -1.0]], dtype=torch.float64), (1,))),
            Case("a batch of three, shape = (4,) (seeded)", (draw(4, 3, 8), (4,))),
            Case("a batch of two, shape = (2, 3) (seeded)", (draw(5, 2, 12), (2, 3))),
        ],
        also=[_halves, _sliced, _viewed],
        hints=[
            "`out.chunk(2, 1)` cuts it into two halves along the second axis.",
            "A logarithm of a variance becomes a variance by `exp`.",
            "`half.unflatten(1, shape)` gives a half its shape.",
        ],
        mistakes=[
            Mistake(
                "deviation",
                "exp(½ log var) is the standard deviation; a Gaussian here takes its variance.",
                _deviation,
            ),
            Mistake("log kept", "The second half is a logarithm still; a variance can't be −1.", _log_kept),
            Mistake("halves swapped", "The halves have changed places: means come first.", _turned),
            Mistake(
                "squared",
                "You squared it: exp(2 · log var). That would be right for the logarithm of a standard "
                "deviation.",
                _squared,
            ),
            Mistake(
                "interleaved",
                "You took every other number. Means are the first half, not the even places; with d = 1 the "
                "two are the same, which hides it.",
                _interleaved,
            ),
        ],
        worked="Two halves, an `exp`, and a clamp so that a wild network can't overflow:",
        right="Right. The logarithm leaves the network free to say any number.",
    ),
    Number(
        id="01.11",
        title="Bits per dimension",
        prompt=r"A model's bound on a digit of $8\times 8$ pixels is $-88$ nats. How many bits per "
        r"dimension is that? (Bits per dimension count the cost, so smaller is better.)",
        answer=88 / 64 / math.log(2),
        unit="bits/dim",
        units=("bits", "bits per dimension", "bit/dim", "bits/dimension", "bpd"),
        also=["88/(64*log(2))", "88/64/ln(2)", 1.98373],
        hints=[
            r"One bit is $\log 2$ nats, about ⟨bit:.3f⟩.",
            r"Divide by the number of pixels, 64, and by $\log 2$.",
        ],
        mistakes=[
            Mistake(
                "nats",
                "⟨example⟩ is in nats per pixel. A bit is log 2 = ⟨bit:.3f⟩ nats: divide once more.",
                1.375,
            ),
            Mistake(
                "multiplied",
                "You multiplied by log 2 = ⟨bit:.3f⟩. There are more bits than nats, as there are more "
                "cents than euros: divide.",
                88 / 64 * math.log(2),
            ),
            Mistake(
                "whole digit",
                "⟨example:.2f⟩ bits are for the whole digit. Divide by its 64 pixels.",
                88 / math.log(2),
            ),
            Mistake(
                "by the side", "You divided by 8, the side. A digit has 8 · 8 = 64 pixels.", 11 / math.log(2)
            ),
            Mistake(
                "base ten",
                "You took log₁₀ 2 = ⟨decimal:.3f⟩. A nat belongs to the natural logarithm.",
                88 / 64 / math.log10(2),
            ),
        ],
        worked=r"$88 / (64 \cdot ⟨bit:.4f⟩) = ⟨answer:.3f⟩$ bits/dim. With 17 grey levels and no model at "
        r"all it would be $\log_2 17 = ⟨greys:.3f⟩$.",
        right="Right: ⟨answer:.3f⟩, where a pixel without a model costs log₂ 17 = ⟨greys:.3f⟩.",
    ),
    Choice(
        id="01.12",
        title="Spot the fault: generating",
        prompt="A text says: “a VAE compresses the data into its latent space and decompresses it again "
        "to generate data”. What is wrong?",
        options={
            "a": "That is reconstruction. To generate, the latent is drawn from the prior, and the encoder "
            "is "
            "not run at all.",
            "b": "Nothing.",
            "c": "The order: generation decompresses first and compresses then.",
            "d": "A VAE generates by adding noise to a training picture.",
        },
        answer="a",
        why={
            "b": "Encode, then decode, and you get the picture back that you put in: with 360 test digits "
            "you "
            "get 360 near copies. Nobody needs a model for a picture they have.",
            "c": "The encoder has no part in generating, first or last. One draw from N(0, I), 16 numbers in "
            "this lesson, and one run of the decoder; there is no second step.",
            "d": "That too starts from a picture that exists. Generating starts from noise alone; for two "
            "different draws the digits are different, whatever was trained on.",
        },
        hints=["Which picture would you put into the encoder to make a new one?"],
        worked=r"**a**. Reconstruction is $x_0 \to q(x_1\mid x_0) \to p(x_0\mid x_1)$; generation is "
        r"$p(x_1) \to p(x_0\mid x_1)$. The prior is the third part of a VAE, and the one that such texts "
        r"forget.",
        right="Right. The prior is the part that such sentences forget.",
    ),
    Choice(
        id="01.13",
        title="Spot the fault: the bottleneck",
        prompt="A text says: “a VAE's latent must have fewer dimensions than the data, or it would simply "
        "copy them”. What does the bound say?",
        options={
            "a": "The same: with as many latent numbers as pixels the bound is worthless.",
            "b": "The latent must be larger than the data.",
            "c": "A VAE with a larger latent has no posterior.",
            "d": "Nothing of the sort. Each latent number is paid for by its KL, in nats; numbers that "
            "aren't "
            "worth it cost 0 and say nothing.",
        },
        answer="d",
        why={
            "a": "Take two latent numbers for one of data, $x_0$ = w₁a + w₂b + noise: with the exact "
            "posterior the bound equals log p($x_0$), to 12 digits. A DDPM has T latents as large as the "
            "data: 64,000 numbers for a digit of 64 pixels when T = 1000.",
            "b": "It may be larger or smaller: 16 numbers for 64 pixels in the first half of this lesson, 8 "
            "times 64 in the second.",
            "c": "It has one, by Bayes, of whatever size. For two latent numbers and one of data it is a "
            "Gaussian in 2 dimensions.",
        },
        hints=[r"Copying would need the latent to say the picture exactly. What does $\sigma\to0$ cost?"],
        worked=r"**d**. To copy real numbers exactly, the encoder's variance would have to go to 0, and the "
        r"KL to the prior, $-\log\sigma$ and more for each number, would go to infinity. It is the KL that "
        r"compresses, not the count of dimensions.",
        right="Right: the price is in nats, not in dimensions.",
    ),
    Symbolic(
        id="01.14",
        title="The bound of a two-level HVAE",
        prompt=r"A hierarchical VAE has two latents. It generates $x_2 \to x_1 \to x_0$, and its encoder is "
        r"written from the top down, $q(x_2\mid x_0)\,q(x_1\mid x_2, x_0)$. What stands inside $\mathbb "
        r'E_q[\,\cdot\,]$ in its ELBO? Type, for example, `"log p(x_2) - log q(x_1|x_2,x_0)"`.',
        answer=f"{MODEL} - ({ENCODER})",
        given=("p(x_2)", "p(x_1|x_2)", "p(x_0|x_1)", "q(x_2|x_0)", "q(x_1|x_0,x_2)"),
        also=[
            "log(p(x_2) p(x_1|x_2) p(x_0|x_1) / (q(x_2|x_0) q(x_1|x_2,x_0)))",
            "ln p_θ(x₀|x₁) - ln(q(x₁|x₂,x₀)/p_θ(x₁|x₂)) - ln(q(x₂|x₀)/p(x₂))",
            "log p(x_0|x_1) + log p(x_1|x_2) - log q(x_1|x_0,x_2) + log p(x_2) - log q(x_2|x_0)",
        ],
        hints=[
            "The joint of the model over the encoder, in a logarithm.",
            "The model has three factors: the prior and two decoders.",
            "The encoder has two, given above.",
        ],
        mistakes=[
            Mistake(
                "inverted",
                "The quotient is turned round: that is the loss, minus the bound. Where this is +88 nats, "
                "the "
                "ELBO is −88.",
                f"{ENCODER} - ({MODEL})",
            ),
            Mistake(
                "no prior",
                "The prior p($x_2$) is missing, so q($x_2$|$x_0$) has nothing to be compared with.",
                f"{MODEL} - log p(x_2) - ({ENCODER})",
            ),
            Mistake(
                "one level",
                "The latent in the middle is missing: $x_1$ has a prior of its own, p($x_1$|$x_2$), and an "
                "encoder, q($x_1$|$x_2$,$x_0$). That is the whole point of a hierarchy.",
                "log p(x_2) + log p(x_0|x_1) - log q(x_2|x_0)",
            ),
            Mistake(
                "from the bottom up",
                "That is an encoder from the bottom up, q($x_1$|$x_0$) q($x_2$|$x_1$). It makes a bound "
                "too, but the one given here goes from the top down, so that p($x_1$|$x_2$) meets a q of "
                "the same variable.",
                f"{MODEL} - log q(x_1|x_0) - log q(x_2|x_1)",
            ),
            Mistake("no encoder", "The encoder is missing: that is the logarithm of the joint alone.", MODEL),
            Mistake(
                "likelihood only",
                "log p($x_0$|$x_1$) alone is the reconstruction. The model's joint also holds p($x_2$) and "
                "p($x_1$|$x_2$).",
                f"log p(x_0|x_1) - ({ENCODER})",
            ),
            Mistake(
                "sum of both",
                "The encoder's terms have a plus. The logarithm of a quotient is a difference.",
                f"{MODEL} + {ENCODER}",
            ),
        ],
        worked=r"$\log p(x_0\mid x_1) - \log\frac{q(x_1\mid x_2, x_0)}{p(x_1\mid x_2)} - "
        r"\log\frac{q(x_2\mid x_0)}{p(x_2)}$. Averaged, the two quotients are KL divergences: "
        r"reconstruction $-\,L_1 - L_2$. For a DDPM with $T=2$ it is the very same line.",
        right="Right: reconstruction, and a KL for each level. A DDPM with T = 2 has the same line.",
    ),
    Number(
        id="01.15",
        title="Spot the fault: three properties",
        prompt=r"“A DDPM is a hierarchical VAE with many latents, of the data's size, and a fixed encoder.” "
        r"Here is a chain that has all three: $x_t = x_{t-1} + 10^{-6}\,\varepsilon_t$ with $T = 1000$. "
        r"What is its $L_T = \mathrm{KL}(q(x_T\mid x_0)\,\|\,\mathcal N(0, 1))$ in nats, for one pixel with "
        r"$x_0 = 1$?",
        answer=0.5 * (1 + 1e-9 - 1 - math.log(1e-9)),
        unit="nats",
        also=["-log(1e-9)/2", "(1 + 1e-9 - 1 - log(1e-9))/2", "4.5*log(10)", 10.3616],
        hints=[
            "$x_T$ is $x_0$ plus a thousand small noises. Their variances add up.",
            r"$q(x_T\mid x_0) = \mathcal N(1, 1000\cdot10^{-12}) = \mathcal N(1, 10^{-9})$.",
            r"$\tfrac12(\mu^2 + v - 1 - \log v)$ with $\mu = 1$, $v = 10^{-9}$.",
        ],
        mistakes=[
            Mistake(
                "one step",
                "⟨example:.2f⟩ takes the variance of one step, 10⁻¹². A thousand steps add up to 10⁻⁹.",
                -0.5 * math.log(1e-12),
            ),
            Mistake(
                "deviations added",
                "You added the standard deviations, 1000 · 10⁻⁶ = 10⁻³. Independent noises add their "
                "variances: "
                "10⁻⁹.",
                0.5 * (1e-6 - math.log(1e-6)),
            ),
            Mistake("not halved", "⟨example:.2f⟩ = −log 10⁻⁹ lacks the factor ½.", -math.log(1e-9)),
            Mistake(
                "no mean",
                r"⟨example:.2f⟩ leaves out the mean: $\mu^2$ = 1 cancels the −1.",
                0.5 * (1e-9 - 1 - math.log(1e-9)),
            ),
            Mistake(
                "no minus one",
                r"⟨example:.2f⟩ leaves out the −1: it cancels $\mu^2$ = 1.",
                0.5 * (1 + 1e-9 - math.log(1e-9)),
            ),
            Mistake(
                "nothing",
                "0 would mean that $x_T$ looks like noise. Here it looks like $x_0$: its mean is 1.",
                0.0,
            ),
            Mistake(
                "base ten",
                "⟨example⟩ comes from log₁₀. In nats the logarithm is natural: multiply by ⟨decade:.4f⟩.",
                4.5,
            ),
        ],
        worked=r"$\tfrac12(1 + 10^{-9} - 1 - \log 10^{-9}) = 4.5\,\log 10 = ⟨answer:.2f⟩$ nats for a pixel, "
        r"⟨picture:.0f⟩ for a picture of 64 such pixels. The chain never comes near the prior, so a draw "
        r"from the prior is nothing its decoder has ever seen. What the sentence forgets is a schedule that "
        r"leads to $\mathcal N(0, I)$.",
        right="Right: ⟨answer:.2f⟩ nats, where linear(1000) pays ⟨prior_1000:.5f⟩. The chain never reaches "
        "the prior.",
    ),
    Choice(
        id="01.16",
        title="The table: latents and encoder",
        prompt="Fill the first rows of the table: the *latents*, and the *encoder*, of VAE, HVAE and DDPM.",
        options={
            "a": "VAE: one, learned encoder. HVAE: several, learned encoder. DDPM: T, each of the data's "
            "size, "
            "fixed encoder.",
            "b": "VAE: one, learned encoder. HVAE: several, fixed encoder. DDPM: T, each smaller than the "
            "one "
            "before, learned encoder.",
            "c": "VAE: one, of the data's size, fixed encoder. HVAE: several, learned encoder. DDPM: T, no "
            "encoder.",
            "d": "VAE: one, learned encoder. HVAE: several, learned encoder. DDPM: one, of T numbers, fixed "
            "encoder.",
        },
        answer="a",
        why={
            "b": "Fixed and learned have changed places in the last two, and sizes don't shrink in a DDPM: "
            "$x_2$ has as many numbers as $x_0$.",
            "c": "The VAE's encoder is the learned one, and 16 numbers for 64 pixels are not the data's "
            "size. And a DDPM has an encoder: q($x_2$|$x_1$) and its likes, without weights.",
            "d": "A DDPM has T latents, not one: with T = 8 and 64 pixels these are 8 times 64 numbers.",
        },
        hints=["Go by the code: `HVAE(LearnedEncoder(…), …)` and `HVAE(FixedEncoder(…), …)`."],
        worked="**a**: learned, learned, fixed; one latent, several, T of the data's size.",
        right="Right: learned, learned, fixed.",
    ),
    Choice(
        id="01.17",
        title="The table: decoder and loss",
        prompt="Fill the last rows, for a DDPM with $T = 1000$: the *decoder's networks*, and the term $L_T$ "
        "*during training*.",
        options={
            "a": "VAE: one network; HVAE: one for each level; DDPM: one for each of the T levels. $L_T$ is "
            "trained in all three.",
            "b": "VAE: one network; HVAE: one for each level; DDPM: one for all levels, told t. $L_T$ is "
            "trained in VAE and HVAE; in a DDPM it is a constant.",
            "c": "VAE: one network; HVAE: one for all levels; DDPM: none, the way back is computed from the "
            "way forward. $L_T$ is a constant in all three.",
            "d": "VAE: one network; HVAE: one for each level; DDPM: one for all levels, told t. $L_T$ is a "
            "constant in VAE and HVAE and trained in a DDPM.",
        },
        answer="b",
        why={
            "a": "T networks would do, and with T = 8 this lesson does it. With T = 1000 nobody does: one "
            "network learns all levels and is told t. And $L_T$ has no weights in it when the encoder is "
            "fixed.",
            "c": "The way back needs $x_0$, which nobody has when generating: q($x_1$ | $x_2$, $x_0$) is "
            "known, q($x_1$ | $x_2$) is not. That is what the network is for.",
            "d": r"The two are turned round. $L_T$ compares q($x_T$|$x_0$) with the prior: with weights in "
            r"q there is something to train; with $\beta$ fixed it is the same number before and after, "
            r"⟨prior_1000:.5f⟩ nats for a pixel at 1 in linear(1000).",
        },
        hints=[r"In which of them does $q(x_T\mid x_0)$ have weights?"],
        worked="**b**. One network, one for each level, one for all levels. $L_T$ has a gradient only "
        "where the "
        "encoder has weights.",
        right="Right. Where the encoder has no weights, $L_T$ has no gradient.",
    ),
]
