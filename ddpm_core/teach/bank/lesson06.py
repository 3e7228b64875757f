"""Information and compression: bits, rate and distortion, and the use of a shared source of noise."""

import math

import torch
from torch import Tensor

from ...elbo import bits_per_dim
from ..judge import Case, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import draw


def _log2(nats: Tensor, x0: Tensor) -> Tensor:
    return nats * math.log2(math.e) / x0[0].numel()


def _flat(nats: Tensor, x0: Tensor) -> Tensor:
    d = x0.flatten(1).shape[1]
    return nats / d / torch.log(torch.tensor(2.0, dtype=nats.dtype))


def _by_shape(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / math.prod(x0.shape[1:]) / math.log(2)


def _nats(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / x0[0].numel()


def _per_picture(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / math.log(2)


def _times(nats: Tensor, x0: Tensor) -> Tensor:
    return nats * math.log(2) / x0[0].numel()


def _batch_too(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / (x0.numel() * math.log(2))


def _batch_only(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / (len(x0) * math.log(2))


def _channels(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / (x0.shape[1] * math.log(2))


def _one_colour(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / (math.prod(x0.shape[-2:]) * math.log(2))


def _decimal(nats: Tensor, x0: Tensor) -> Tensor:
    return nats / (x0[0].numel() * math.log(10))


def _case(text: str, nats: list[float], *shape: int) -> Case:
    return Case(text, (torch.tensor(nats, dtype=torch.float64), draw(0, *shape)))


NUMBERS = {
    "bit": math.log(2),
    "one_step": 14 + math.log2(11),
    "log2_11": math.log2(11),
    "ln_11": math.log(11),
}

EXERCISES = [
    Number(
        id="06.1",
        title="From nats to bits",
        prompt="A bound of 0.7269 nats for each number of the data: how many bits per dimension?",
        answer=0.7269 / math.log(2),
        unit="bits per dimension",
        units=("bits", "bits/dim", "bits/dimension", "bpd"),
        also=["0.7269/ln 2", "0.7269/0.693147", 1.0487],
        hints=[r"One bit is $\log 2 = ⟨bit:.3f⟩$ nats. Are there more bits or more nats in a thing?"],
        mistakes=[
            Mistake("left in nats", "⟨example⟩ is still in nats; a bit is only ⟨bit:.3f⟩ of one.", 0.7269),
            Mistake(
                "times",
                "⟨example:.3f⟩ multiplies by ln 2. A bit is smaller than a nat, so there are more of them.",
                0.7269 * math.log(2),
            ),
            Mistake(
                "decimal", "⟨example:.3f⟩ divides by ln 10: these are decimal digits.", 0.7269 / math.log(10)
            ),
            Mistake(
                "exponent",
                "⟨example:.3f⟩ is e to the 0.7269. A number of nats is a logarithm already.",
                math.exp(0.7269),
            ),
            Mistake(
                "power of two",
                "⟨example:.3f⟩ is 2 to the 0.7269. Nats and bits are two units of one logarithm: only a "
                "factor lies between them.",
                2**0.7269,
            ),
        ],
        worked=r"$0.7269/\log 2 = ⟨answer:.4f⟩$ bits.",
        right="Right: ⟨answer:.4f⟩.",
    ),
    Number(
        id="06.2",
        title="The share that nobody sees",
        prompt="Ho et al. report for CIFAR-10 a rate of 1.78 and a distortion of 1.97 bits per dimension. "
        "What share of the whole lossless code is the distortion?",
        answer=1.97 / 3.75,
        also=["1.97/(1.78+1.97)", 0.5253, "1/(1+1.78/1.97)"],
        hints=["The whole is the sum of both.", "Distortion over whole."],
        mistakes=[
            Mistake("the rate's", "⟨example:.3f⟩ is the share of the rate, 1.78 of 3.75.", 1.78 / 3.75),
            Mistake(
                "of the rate",
                "⟨example:.3f⟩ compares the distortion with the rate, 1.78, not with the whole.",
                1.97 / 1.78,
            ),
            Mistake("the whole", "⟨example⟩ is the whole; divide 1.97 by it.", 3.75),
            Mistake(
                "rate to distortion",
                "⟨example:.3f⟩ is the rate, 1.78, over the distortion, 1.97.",
                1.78 / 1.97,
            ),
            Mistake(
                "of eight bits",
                "⟨example:.3f⟩ takes 8 bits, the raw pixel, for the whole. The code has 3.75 bits.",
                1.97 / 8,
            ),
        ],
        worked="$1.97/(1.78+1.97) = ⟨answer:.3f⟩$: over half.",
        right="Right, ⟨answer:.1%⟩. And the error that is left without it is 0.95 of 255 greys.",
    ),
    Choice(
        id="06.3",
        title="Rate and distortion",
        prompt="Read as a code, which terms of the bound are the rate, and which the distortion?",
        options={
            "a": "Rate: $L_1$ + … + $L_T$, what it takes to tell $x_1$. Distortion: $L_0$, what it takes to "
            "tell $x_0$ to one who has $x_1$.",
            "b": "Rate: $L_0$. Distortion: $L_1$ + … + $L_T$.",
            "c": "Rate: the whole sum. Distortion: the squared error of the samples.",
            "d": "Rate: $L_T$. Distortion: all the rest.",
        },
        answer="a",
        why={
            "b": "The other way round. $L_0$ comes last, when $x_1$ is there: on CIFAR-10 it is 1.97 bits, "
            "spent on an error of 0.95 greys.",
            "c": "The whole sum is the lossless code: 3.75 bits on CIFAR-10. A lossy code leaves $L_0$ "
            "away, and needs 1.78.",
            "d": "$L_T$ is next to nothing, under 0.00001 bits for the digits: $x_T$ is noise and needs no "
            "telling. It belongs to the rate all the same.",
        },
        hints=["Which term is left away if one is content with $x_1$?"],
        worked="**a**. One who has $x_1$ sees the picture already; $L_0$ is the price of the last, invisible "
        "bit of exactness.",
        right="Right. Stop before $L_0$, and the code is lossy.",
    ),
    Choice(
        id="06.4",
        title="“Denoise by adding noise”",
        prompt="The paper session opens with: these models “take an image and iteratively denoise it by "
        "adding small amounts of noise”. What is wrong with this?",
        options={
            "a": "Nothing: sampling does add noise in every step but the last.",
            "b": "Only that the amounts of noise are large, not small.",
            "c": "Noise is added to images in training, by a fixed process. Sampling starts from noise, with "
            "no image, and each step takes away more noise than it brings back.",
            "d": "Only that the image must be noisy to begin with.",
        },
        answer="c",
        why={
            "a": "The fresh z is part of a step, but it is not what denoises: from t = 500 to 499 the noise "
            "level falls from ⟨noise_500:.4f⟩ to ⟨noise_499:.4f⟩ although z is added. And no image is taken.",
            "b": "They are small: a standard deviation of ⟨root_beta_500:.3f⟩ at t = 500. That is not the "
            "fault.",
            "d": "Sampling starts at $x_T$ ~ N(0, I). Put an image in at T = 1000, and the chain forgets "
            "it: its share in $x_T$ is ⟨signal_1000:.4f⟩.",
        },
        hints=["What does sampling start from?", "Which of the two processes only ever adds noise?"],
        worked="**c**. Two processes were stirred into one: the forward one adds noise and is fixed, the "
        "reverse one removes it and is learned. For compression both are at work, on two sides: the sender "
        "knows the picture and its noisings, the receiver walks back.",
        right="Right: two processes, and only one of them learns.",
    ),
    Symbolic(
        id="06.5",
        title="The bits that come back",
        prompt="Take $T = 2$. A sender picks $x_1, x_2$ from $q$, writes $x_2$, $x_1$ and $x_0$ down with "
        "codes "
        "made for the model, and gets back the bits that the picking used up. What is the net cost in nats, "
        "whose mean over $q$ is $-$ELBO? Use logarithms of `p(x_2)`, `p(x_1|x_2)`, `p(x_0|x_1)`, "
        '`q(x_1|x_0)` and `q(x_2|x_1)`, such as `"-log p(x_2)"`.',
        answer="-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1) + log q(x_1|x_0) + log q(x_2|x_1)",
        given=("p(x_2)", "p(x_1|x_2)", "p(x_0|x_1)", "q(x_1|x_0)", "q(x_2|x_1)"),
        also=[
            "log(q(x_1|x_0) q(x_2|x_1) / (p(x_2) p(x_1|x_2) p(x_0|x_1)))",
            "ln q(x_2|x_1) + ln q(x_1|x_0) - ln(p(x_0|x_1) p(x_1|x_2) p(x_2))",
            "log q(x_1|x_0) - log p(x_0|x_1) + log(q(x_2|x_1)/(p(x_2) p(x_1|x_2)))",
        ],
        hints=[
            r"To write down a thing of probability p takes $-\log p$.",
            r"To pick a thing of probability q uses up $-\log q$ of random bits. They come back, with a "
            r"minus.",
        ],
        mistakes=[
            Mistake(
                "nothing back",
                "That is what is written. The random bits for $x_1$ and $x_2$ come back: minus −log q, "
                "twice.",
                "-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1)",
            ),
            Mistake(
                "sign",
                "That is the ELBO. A cost has the other sign: it is to be small.",
                "log p(x_2) + log p(x_1|x_2) + log p(x_0|x_1) - log q(x_1|x_0) - log q(x_2|x_1)",
            ),
            Mistake(
                "paid twice",
                "You pay for the picking once more. Those bits are read off by the receiver: they come back.",
                "-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1) - log q(x_1|x_0) - log q(x_2|x_1)",
            ),
            Mistake(
                "one back",
                "Both latents were picked: $x_1$ from q($x_1$|$x_0$) and $x_2$ from q($x_2$|$x_1$).",
                "-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1) + log q(x_1|x_0)",
            ),
            Mistake(
                "no prior",
                "$x_2$ has to be written as well, with the code of the prior, −log p($x_2$).",
                "-log p(x_1|x_2) - log p(x_0|x_1) + log q(x_1|x_0) + log q(x_2|x_1)",
            ),
        ],
        worked=r"Written: $-\log\big(p(x_2)\,p(x_1\mid x_2)\,p(x_0\mid x_1)\big)$. Back: "
        r"$-\log\big(q(x_1\mid x_0)\,q(x_2\mid x_1)\big)$. The difference, averaged over $q$ (not over the "
        r"model), is $-$ELBO.",
        right="Right. Averaged over q it is the bound.",
    ),
    Symbolic(
        id="06.6",
        title="What a calibrated step costs",
        prompt=r"A step goes from $t$ to $s$. The model's estimate of a number $x_0$ is off by 1 on average "
        r"(squared), and $p(x_s\mid x_t)$ has the calibrated variance. How many nats does the step cost, on "
        r"average, for this number? Use `abar` ($\bar\alpha_t$), `abar_s` and `log`.",
        answer="0.5*log(1 + abar_s/(1-abar_s) - abar/(1-abar))",
        given=("abar", "abar_s"),
        also=[
            "log(1 + 1/(1-abar_s) - 1/(1-abar))/2",
            "log(sqrt(1 + abar_s/(1-abar_s) - abar/(1-abar)))",
            "ln(1 - ᾱ_t/(1-ᾱ_t) + ᾱ_s/(1-ᾱ_s))/2",
        ],
        hints=[
            "With the calibrated variance the divergence is half the logarithm of the two variances' ratio.",
            r"The ratio is $1 + e\,(\mathrm{SNR}(s)-\mathrm{SNR}(t))$ for an error $e$.",
        ],
        mistakes=[
            Mistake(
                "a half lost",
                "Half of it: a nat of a Gaussian counts the logarithm of a deviation.",
                "log(1 + abar_s/(1-abar_s) - abar/(1-abar))",
            ),
            Mistake(
                "the posterior's variance",
                "That is the cost with the posterior's own variance, half the drop of the SNR. The "
                "calibrated step pays only the logarithm.",
                "0.5*(abar_s/(1-abar_s) - abar/(1-abar))",
            ),
            Mistake(
                "the 1 lost",
                "The posterior's own variance is part of the model's: that is the 1. Without it s = t "
                "would cost minus infinity.",
                "0.5*log(abar_s/(1-abar_s) - abar/(1-abar))",
            ),
            Mistake(
                "in bits",
                "That is in bits. Nats are asked.",
                "0.5*log(1 + abar_s/(1-abar_s) - abar/(1-abar))/log(2)",
            ),
            Mistake(
                "the logarithm lost",
                "The logarithm is missing: the cost is half the *logarithm* of this ratio of variances.",
                "0.5*(1 + abar_s/(1-abar_s) - abar/(1-abar))",
            ),
            Mistake(
                "ratio of SNRs",
                "You divide one signal-to-noise ratio by the other. What counts is their difference: how "
                "much is learned of $x_0$.",
                "0.5*log(abar_s*(1-abar)/((1-abar_s)*abar))",
            ),
            Mistake(
                "signals alone",
                r"$\bar\alpha_s$ − $\bar\alpha_t$ is the drop of the signal. The drop of the "
                r"signal-to-noise *ratio* is asked, each $\bar\alpha$ over its 1 − $\bar\alpha$.",
                "0.5*log(1 + abar_s - abar)",
            ),
            Mistake(
                "of x_s",
                "You compare the two noise variances. What counts is the drop of the signal-to-noise ratio.",
                "0.5*log((1-abar)/(1-abar_s))",
            ),
        ],
        worked=r"The posterior's variance $\tilde\beta$ and its slope $k$ in $x_0$ obey $k^2/\tilde\beta = "
        r"\mathrm{SNR}(s)-\mathrm{SNR}(t)$. With variance $\tilde\beta + k^2 e$ the averaged divergence is "
        r"$\frac12\log(1 + e\,(\mathrm{SNR}(s)-\mathrm{SNR}(t)))$.",
        right="Right. For small steps it is half the drop of the SNR, for large ones far less.",
    ),
    Function(
        id="06.7",
        title="`bits_per_dim`",
        prompt="Write `answer(nats, x0)`: the nats of each example, (B,), as bits for each number in "
        "`x0`, (B, ...).",
        reference=bits_per_dim,
        cases=[
            _case("nats = [64], a picture of 8x8", [64.0], 1, 1, 8, 8),
            _case("two colour pictures of 2x2", [1.0, 10.0], 2, 3, 2, 2),
            _case("three points in the plane", [0.5, 3.0, -2.0], 3, 2),
        ],
        also=[_log2, _flat, _by_shape],
        hints=["How many numbers are in one example, `x0[0]`?", r"And a nat is $1/\log 2$ bits."],
        mistakes=[
            Mistake("left in nats", "That is nats for each number: divide by ln 2 for bits.", _nats),
            Mistake(
                "per picture", "These are bits for a whole example; divide by its numbers.", _per_picture
            ),
            Mistake(
                "times ln 2", "You multiply by ln 2. A bit is smaller than a nat: there are more.", _times
            ),
            Mistake(
                "batch too",
                "`x0.numel()` counts the numbers of the whole batch. Each example has its own nats.",
                _batch_too,
            ),
            Mistake(
                "batch only",
                "You divide by the number of examples; the numbers in one are asked.",
                _batch_only,
            ),
            Mistake(
                "channels",
                "`x0.shape[1]` is the number of channels, 1 for grey pictures. Each has a number for every "
                "pixel.",
                _channels,
            ),
            Mistake(
                "one colour",
                "Height times width counts pixels; a colour picture has three numbers in each.",
                _one_colour,
            ),
            Mistake("decimal digits", "Divided by ln 10 these are decimal digits.", _decimal),
        ],
        worked="Numbers in one example, times ln 2:",
        right="Right. From here on, import it: from ddpm_core.elbo import bits_per_dim.",
    ),
    Number(
        id="06.8",
        title="How many steps at least",
        prompt="A picture costs 98 bits of divergence in all. Sender and receiver can't look through more "
        "than "
        "$2^{16}$ candidates in a step. Into how many steps must the picture be cut at the very least?",
        answer=7,
        unit="steps",
        also=["7", "98/14", "6 + 1"],
        hints=[
            "To find one in a crowd as rare as $2^{-10}$ takes about $2^{10}$ candidates.",
            "So a step can carry at most 16 bits. Divide, and round to the right side.",
        ],
        mistakes=[
            Mistake(
                "not rounded",
                "⟨example⟩ steps there are not; what 6 steps can't carry needs a seventh.",
                6.125,
            ),
            Mistake("rounded down", "6 steps carry 96 bits at most.", 6),
            Mistake(
                "ten bits a step",
                "10 is for steps of ten bits, as the lesson takes them. At the very least: steps of 16.",
                10,
            ),
            Mistake(
                "one",
                "One step would need about 2^98 candidates, some 3e29. At a billion a second that is 1e13 "
                "years.",
                1,
            ),
            Mistake("a step a bit", "98 steps of one bit would do too, but each has its overhead.", 98),
            Mistake("candidates for bits", "2^16 candidates carry 16 bits, not 65,536.", 98 / 65_536),
        ],
        worked="A step with $2^{16}$ candidates tells at most 16 bits, and $98/16 = 6.1$: seven. With "
        "fewer bits "
        "in a step there is room for the pictures that need more than the average; the lesson takes ten.",
        right="Right. The number of candidates is 2 to the bits: that is why the walk is cut into steps.",
    ),
    Number(
        id="06.9",
        title="Ten small steps or a large one",
        prompt=r"By a theorem of Li and El Gamal, to tell a candidate with divergence $D$ bits takes, on "
        r"average, at most $D + \log_2(D+1) + 4$ bits. Compare ten steps of 1 bit with one step of 10 bits: "
        r"by how many bits is the sum of the ten guarantees larger?",
        answer=60 - (14 + math.log2(11)),
        unit="bits",
        also=["10*(1+1+4) - (10 + log(11)/log(2) + 4)", "46 - log(11)/log(2)", 42.5406],
        hints=[
            r"One step of 10: $10 + \log_2 11 + 4$.",
            r"One step of 1: $1 + \log_2 2 + 4 = 6$. There are ten.",
        ],
        mistakes=[
            Mistake(
                "the ten alone", "60 is what the ten may take; subtract the ⟨one_step:.2f⟩ of the one.", 60
            ),
            Mistake(
                "the one alone",
                "⟨one_step:.2f⟩ is what the one may take; the ten may take 60.",
                14 + math.log2(11),
            ),
            Mistake(
                "one of ten",
                "You compared with a single step of 1 bit, 6 bits. There are ten of them.",
                8 + math.log2(11),
            ),
            Mistake(
                "natural",
                "With the natural logarithm: log₂ 11 is ⟨log2_11:.3f⟩, ln 11 is ⟨ln_11:.3f⟩.",
                10 * (5 + math.log(2)) - (14 + math.log(11)),
            ),
            Mistake(
                "natural at the large one",
                "⟨example:.2f⟩ has ln 11 = ⟨ln_11:.3f⟩ for log₂ 11 = ⟨log2_11:.3f⟩.",
                60 - (14 + math.log(11)),
            ),
            Mistake(
                "one lost",
                "⟨example:.2f⟩ has log₂ 10 for log₂ (10 + 1).",
                60 - (14 + math.log2(10)),
            ),
            Mistake(
                "without logarithm",
                "36 leaves out the logarithm: it adds 1 for each small step, ⟨log2_11:.3f⟩ for the large.",
                36,
            ),
        ],
        worked=r"$10\cdot(1+\log_2 2+4) = 60$ against $10+\log_2 11+4 = ⟨one_step:.2f⟩$: ⟨answer:.2f⟩ bits "
        r"more. The overhead comes with each step, nearly whatever it tells. So steps should be as large as "
        r"the candidates allow.",
        right="Right. Few large steps have less overhead; the number of candidates sets the limit.",
    ),
    Choice(
        id="06.10",
        title="What the receiver has",
        prompt="What must the receiver have, besides the file, to see the same picture as the sender?",
        options={
            "a": "Nothing: a file must stand for itself.",
            "b": "The weights, the times, the variances, the code words and the seed of the noise.",
            "c": r"All of b, and the noise $\varepsilon$ with which the sender noised the picture.",
            "d": "All of b, and the sender's Poisson times.",
        },
        answer="b",
        why={
            "a": "Like every decoder, this one brings along what it knows: a browser comes with a "
            "program that reads JPEG, here it is 424,753 weights. They count once, not for each picture.",
            "c": r"The sender draws no $\varepsilon$ at all: $x_s$ is a shared candidate, row 1,234, say. "
            r"If it needed the receiver to know a private noise, the noise would have to be sent.",
            "d": "They serve to find the row; the receiver is told the row, and needs 0 of them.",
        },
        hints=["What does `Coder.show` use?"],
        worked="**b**. All that doesn't depend on the picture is shared beforehand. What depends on it are "
        "the "
        "rows' numbers, and they are the file.",
        right="Right: the file holds row numbers, and nothing else.",
    ),
    Choice(
        id="06.11",
        title="Show the mean or finish the walk?",
        prompt=r"Both sides stop at a $t$. The receiver can show $\hat x_0 = \mathbb E[x_0\mid x_t]$, or "
        r"walk on alone to a sample from $p(x_0\mid x_t)$. With a perfect network, how do their mean "
        r"squared errors compare?",
        options={
            "a": "The sample's is smaller, for it is sharper.",
            "b": "They are equal: both know the same.",
            "c": "The sample's is twice that of the mean.",
            "d": "The sample's is larger by the variance of $x_t$.",
        },
        answer="c",
        why={
            "a": "Sharper, but with details that were made up. For $x_0$ = −1 or 1 with equal chances and "
            "nothing known: the mean 0 errs by 1, a sample by 0 or 4, on average by 2.",
            "b": "They know the same, but squared error likes the middle: with two equal chances −1 and 1, "
            "the mean errs by 1, a sample by 2 on average.",
            "d": "$x_t$ is known to both and adds nothing. What adds is the spread of $x_0$ given $x_t$, "
            "once more: 1 becomes 2.",
        },
        hints=[r"Try $x_0 = \pm1$, with nothing known.", "Truth and sample are two independent draws."],
        worked="**c**. Given $x_t$, truth and sample are independent draws from one law with variance $v$. "
        "The "
        "mean errs by $v$, the sample by $v + v$. The mean is blurred, the sample looks real: distortion and "
        "looks are two measures.",
        right="Right: independent draws, so the variances add.",
    ),
    Prose(
        id="06.12",
        title="A fine picture, a poor code",
        prompt="DDPMs make excellent samples, yet other models gave CIFAR-10 shorter lossless codes. "
        "Explain in a "
        "few sentences how both can be true.",
        rubric=[
            "The lossless code (the bound) counts every bit of every pixel, whether or not an eye sees it.",
            "Over half of it (1.97 of 3.75 bits on CIFAR-10) is distortion: details too fine to see.",
            "Samples are judged by what is seen: the large structure, which costs few bits and is "
            "decided at large t.",
            r"$L_{\text{simple}}$ puts the network's strength on the large structure, away from the "
            r"invisible details.",
        ],
        models=[
            "The code length counts all bits alike, and more than half of them, 1.97 of 3.75, describe "
            "details "
            "that nobody can see. What the eye judges is the coarse structure, which costs few bits and is "
            "settled at large t. The simple loss spends the network's effort there, so the pictures look "
            "good while the code for the last details stays long.",
        ],
        mistakes=[
            Mistake(
                "the bound is at fault",
                "The bound isn't tight, but that is not the reason the paper finds: 1.97 of the 3.75 bits "
                "are "
                "spent on an error of 0.95 greys of 255.",
                "It is only because the bound is loose; the true likelihood is much better.",
                r"(only|just|simply) because (the|its) bound is (loose|not tight)|bound is loose",
            ),
            Mistake(
                "likelihood is quality",
                "The two are not the same thing: half of the 3.75 bits could change and no eye would notice.",
                "It can't be true, because likelihood is the same as sample quality.",
                r"likelihood (is|equals|means) (the same as )?(sample|image|picture) quality",
            ),
        ],
        hints=[
            "What do the 1.97 bits of distortion describe?",
            "At which t is the class of a digit settled?",
        ],
        worked=r"All bits count alike in a lossless code. On CIFAR-10 1.97 of 3.75 bits per dimension "
        r"describe what is left at $t=1$, an error of 0.95 of 255 greys. Samples are judged by the rest, "
        r"which is cheap in bits and is what $L_{\text{simple}}$ cares for.",
        right="Good: bits and looks are two currencies.",
    ),
]
