"""The permanent keys of exercises, and the ids that they had before.

A key, such as "02.shrink-factor", never changes and is never used again.  The number shown, such as 02.1, is
the place in the lesson.  FORMER holds the keys in the order in which the exercises were numbered until there
were keys: that of 02.1 is the first of lesson 02.  It takes the ids in older files of progress, and in older
lessons, to the keys.  Nothing is ever added to it.
"""

FORMER = {
    "00": "sum-of-noises clean-picture abar-from-beta per-example hopes",
    "01": (
        "family-name kind-of-vae two-encoders latent-numbers what-is-learned latent-size latent-kl "
        "lazy-gap linear-elbo network-to-gaussian bits-per-dim generating-fault bottleneck-fault "
        "hvae-bound three-properties table-latents table-decoder"
    ),
    "02": (
        "shrink-factor variance-of-xt all-steps-at-once q-sample twenty-steps left-at-the-end "
        "only-adding one-bar-lost jump-variance snr between contrast two-hills beta-from-abar "
        "large-picture information-left nothing-compressed prior-pull learned-beta both-bars-lost "
        "own-words"
    ),
    "03": (
        "vae-and-ddpm inside-the-bound posterior-mean after-bayes factorising posterior-variance "
        "first-step-apart posterior kernel-turned-round prior-term wrong-variance picture-weight "
        "term-in-code weigh-a-bound averaged-over perfect-network fault-in-a-line which-divergence"
    ),
    "04": (
        "why-noise picture-from-noise one-training-step noise-or-picture noise-weight "
        "noise-to-picture score-to-picture error-grows mean-from-noise noise-from-picture "
        "training-step velocity-to-picture noise-floor floor-for-whom velocity-error fault-in-a-line "
        "first-summand two-networks"
    ),
    "05": (
        "why-slow where-it-starts step-parameters step-back denoising-sense full-chain-passes "
        "ancestral-step no-noise-at-the-end ddim ddim-from-noise jump-variance passes-for-64 "
        "two-jumps there-and-back which-variance fault-in-a-sampler"
    ),
    "06": (
        "nats-to-bits unseen-share rate-and-distortion denoise-by-adding bits-back calibrated-step "
        "bits-per-dim least-steps ten-small-steps receiver mean-or-walk fine-picture"
    ),
    "07": (
        "which-gradient tweedie score-of-noise score-matching-target langevin large-step "
        "bayes-for-scores guidance two-conventions strength-meaning replaced-pixel replacement "
        "step-in-the-limit real-looking-scan"
    ),
}

KEYS = {
    f"{lesson}.{number}": f"{lesson}.{name}"
    for lesson, names in FORMER.items()
    for number, name in enumerate(names.split(), 1)
}


def former(id: str) -> str:
    """The key of the exercise that once had this id; any other text is returned as it is."""
    return KEYS.get(id, id)
