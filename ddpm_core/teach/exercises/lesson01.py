"""VAE, hierarchical VAE, DDPM: who is who."""

from ..check import Choice, Mistake, Number, Prose

EXERCISES = [
    Choice(
        id="01.1",
        title="The name of the family",
        prompt="Which name do the models of this course go by?",
        options={
            "a": "Stable Diffusion",
            "b": "Denoising diffusion probabilistic models, or simply diffusion models",
            "c": "Denoising diffusion implicit models",
            "d": "Diffusion autoencoders",
        },
        answer="b",
        why={
            "a": "Stable Diffusion is one product, built much later: a diffusion model that works on the "
            "latents of an autoencoder (4 × 64 × 64 numbers for a picture of 3 × 512 × 512) and listens to "
            "text.",
            "c": "DDIM is a way of *sampling* from such a model: in 50 steps instead of 1000, say, with the "
            "same network and no new training. It isn't the model.",
            "d": "A diffusion autoencoder has, besides the noisy states x_1 … x_T, a learned code of the "
            "picture. The models here have none: even x_2 is nothing but a noised picture.",
        },
        hints=[
            "The abbreviation has four letters and starts with two Ds.",
            "The P stands for *probabilistic*.",
        ],
        worked="**b**: denoising diffusion probabilistic models, DDPM for short (Ho, Jain & Abbeel 2020).",
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
            "noising chain as encoder, one time-conditioned network as decoder, trained on the same kind of "
            "bound.",
            "d": "Any hierarchical VAE whose latents have the data's size is a DDPM.",
            "e": "A DDPM is a GAN whose generator gets noise at every step.",
        },
        answer="c",
        why={
            "a": "The inclusion is turned round. A VAE may learn its encoder and choose its latent size "
            "freely; a DDPM gives up both. With T = 2 latents it is a two-level VAE with a fixed encoder.",
            "b": "They share the bound. Both maximise E_q[log p(data, latents) − log q(latents | data)]; a "
            "DDPM with T = 2 has it with two latents, a VAE with one.",
            "d": "The size alone is not enough. Take x_t = x_{t−1} + 0.000001 · noise: T latents of the "
            "right size, but after 1000 steps the picture is untouched, and L_T costs 10.4 nats for a pixel "
            "at 1. A DDPM also needs a schedule that leads to N(0, I).",
            "e": "A GAN has a second network that judges. A DDPM has none: its T terms, at t = 2 as at t = "
            "1000, are all likelihood terms of one bound.",
        },
        hints=[
            "Which is the more general: a fixed encoder or a learned one?",
            "Look for the option that names four restrictions.",
        ],
        worked="**c**. Start from a hierarchical VAE and fix four things: the latents form a Markov chain, "
        "each has the data's size, the encoder is chosen (scale and add Gaussian noise) rather than "
        "learned, and its schedule ends near $\\mathcal N(0, I)$. The bound stays the same.",
        right="Right. Four restrictions, and the same bound.",
    ),
    Choice(
        id="01.3",
        title="Two encoders",
        prompt="What sets the forward process of a DDPM apart from the encoder of a VAE?",
        options={
            "a": "The forward process is deterministic, the VAE's encoder is random.",
            "b": "The forward process is fixed in advance and has nothing to train; the VAE's encoder is "
            "learned. Both are random.",
            "c": "The forward process is the U-Net.",
            "d": "A DDPM has no encoder.",
            "e": "The forward process learns its β_t.",
        },
        answer="b",
        why={
            "a": "Fixed is not the same as deterministic. Two runs from the same picture differ: at t = 500 "
            "of linear(1000) each pixel carries noise with standard deviation 0.96.",
            "c": "The U-Net works on the way *back*: it looks at x_t and estimates the noise. The way "
            "forward is one line without a network: at t = 500 it is 0.280 · x_0 + 0.960 · ε.",
            "d": "It has one, q(x_{1:T} | x_0), and the bound is an average over it. It merely has no "
            "weights: at t = 2 it is N(√α_2 x_1, β_2 I), with β_2 = 0.00012 chosen beforehand.",
            "e": "One may learn them, but a DDPM doesn't. With β_t fixed, L_T is a constant (0.00002 nats "
            "for a pixel at 1) and needs no gradient.",
        },
        hints=["Ask of each: which numbers does training change?", "Fixed and random are not opposites."],
        worked="**b**. The VAE's $q_\\phi(z\\mid x)$ has weights $\\phi$ that are trained along with the "
        "decoder. The kernels $q(x_t\\mid x_{t-1}) = \\mathcal N(\\sqrt{1-\\beta_t}\\,x_{t-1}, \\beta_t I)$ "
        "are chosen beforehand. So $L_T$ is a constant, and no gradient flows through the noising.",
        right="Right: fixed, but not deterministic.",
    ),
    Number(
        id="01.4",
        title="How many latent numbers?",
        prompt="The pictures have $3 \\times 32 \\times 32$ numbers, and $T = 1000$. How many numbers do "
        "all latents $x_1, \\dots, x_T$ of one picture hold together?",
        answer=3_072_000,
        rel=0,
        unit="numbers",
        also=["3 072 000", "1000*32*32*3", "3,072,000"],
        hints=[
            "How large is one latent?",
            "Each is as large as the picture, $3\\cdot32\\cdot32 = 3072$. There are $T$.",
        ],
        mistakes=[
            Mistake(
                "one latent",
                "3072 is one latent. x_1, x_2 and all others up to x_1000 have as many each.",
                3072,
            ),
            Mistake(
                "one number each",
                "You gave each latent one number. x_2, say, is a whole picture: 3072 numbers.",
                1000,
            ),
            Mistake(
                "with the data",
                "You counted x_0 too. It is the data; the latents are x_1 to x_1000.",
                3072 * 1001,
            ),
            Mistake("one channel", "You forgot the three colours: x_2 has 3 · 32 · 32 numbers.", 1024 * 1000),
        ],
        worked="Each latent is as large as the picture: $3\\cdot 32\\cdot 32 = 3072$. There are $T = 1000$ "
        "of them, so $3\\,072\\,000$. Nothing is compressed in *size*; the information is drowned instead.",
        right="Right: 1000 latents of 3072 numbers.",
    ),
    Prose(
        id="01.5",
        title="What is learned, and what for",
        prompt="In two or three sentences: what does a DDPM learn, by which criterion, and to what end?",
        rubric=[
            "Learned are the reverse kernels p(x_{t−1} | x_t), or the network inside them.",
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
                "Adding noise is not learned: the forward process has no weights. At t = 500 it is 0.280 · "
                "x_0 + 0.960 · ε, for every network.",
                "The model learns to add noise to the pictures step by step.",
                r"learns?( how)? to (add|destroy|noise)\b",
            ),
            Mistake(
                "learns the encoder",
                "The encoder is fixed here. At t = 2 it is N(√α_2 x_1, β_2 I) with β_2 = 0.00012, before "
                "training and after it.",
                "During training it learns the encoder q that maps to noise.",
                r"learns?( the| its)? (encoder|forward process)",
            ),
            Mistake(
                "recovers the original",
                "The original can't be had back. For data N(1, 0.25), x_500 leaves a variance of 0.245 of "
                "the 0.25 open. What is matched is the distribution.",
                "It learns to recover the exact original image from the noise.",
                r"(recover|restore|reconstruct)s?\b.{0,30}\b(exact|original)",
            ),
        ],
        hints=["Three parts: what, how measured, what for.", "What is learned goes from x_t to x_{t−1}."],
        worked="It learns the reverse kernels $p_\\theta(x_{t-1}\\mid x_t)$, $t = T, \\dots, 1$, through "
        "one network. The criterion is the ELBO, in practice the re-weighted regression "
        "$L_{\\text{simple}}$. "
        "The end is a sampler: from $x_T\\sim\\mathcal N(0,I)$ back to an $x_0$ that is distributed like "
        "the data.",
        right="Good: what, by which measure, and what for.",
    ),
    Choice(
        id="01.6",
        title="The size of a latent",
        prompt="How large are the latents $x_1, \\dots, x_T$ of a DDPM?",
        options={
            "a": "Smaller than the picture: the chain is a bottleneck.",
            "b": "They shrink from step to step.",
            "c": "Each is as large as the picture.",
            "d": "There is one latent, a vector of T numbers.",
        },
        answer="c",
        why={
            "a": "That is a VAE's habit, and not even its duty. Here x_2 = √α_2 x_1 + √β_2 ε has the shape "
            "of x_1: 32 × 32 × 3 stays 3072 numbers.",
            "b": "It is the *information* that shrinks: 0.58 nats of a pixel at t = 100, 0.01 at t = 500 "
            "(for data N(1, 0.25)). The shape stays.",
            "d": "There are T latents, one for each time. x_2 alone has as many numbers as the picture.",
        },
        hints=["Look at the kernel: what shape has $\\sqrt{1-\\beta}\\,x + \\sqrt\\beta\\,\\varepsilon$?"],
        worked="**c**. Scaling and adding noise keep the shape. Equal size does not mean equal information: "
        "at $t = T$ almost nothing of the picture is left.",
        right="Right: the same shape at every t, with less and less of the picture in it.",
    ),
]
