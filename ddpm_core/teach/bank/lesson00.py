"""Start here: one easy exercise of each kind, to see how they work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch

    from ... import gaussian
    from . import inputs
else:
    torch, gaussian, inputs = later("torch", "gaussian", "teach.bank.inputs")


ANSWERS = {
    "sum-of-noises": a_number(
        formula="sqrt(sigma_1^2 + sigma_2^2)",
        given={"sigma_1": 3, "sigma_2": 4},
        mistakes={"added deviations": 7.0, "variance": 25.0, "difference": 7**0.5},
    ),
    "abar-from-beta": a_formula(
        answer="abar_prev*(1 - beta)",
        given={"abar_prev": 0.5, "beta": 0.2, "alpha": 0.8},
        also=["ᾱ_{t-1} - ᾱ_{t-1} β", "alpha*abar_prev", r"\bar\alpha_{t-1}(1-\beta_t)"],
        mistakes={"subtracted": "abar_prev - beta"},
    ),
    "per-example": a_function(
        lambda: fields(
            reference=gaussian.per_example,
            cases=[
                inputs.Case("x = [[1, 2], [3, 4]]", (torch.tensor([[1.0, 2], [3, 4]], dtype=torch.float64),)),
                inputs.Case("x of shape (2, 1, 3, 2), seeded", (inputs.draw(1, 2, 1, 3, 2),)),
            ],
            also=[
                lambda x: torch.stack([row.sum() for row in x]),
                lambda x: x.reshape(len(x), -1).sum(1),
                lambda x: torch.einsum("bn->b", x.flatten(1)),
            ],
            mistakes={"everything": lambda x: x.sum().expand(len(x)), "mean": lambda x: x.flatten(1).mean(1)},
        )
    ),
}
