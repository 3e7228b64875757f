"""Latents: the autoencoder's laws, its training, its file."""

import pytest
import torch

from ddpm_core import checkpoints, data, ddim, last, sample
from ddpm_core.study import latents
from ddpm_core.study.colours import tint
from ddpm_core.study.latents import Autoencoder, Plan, fit

SMALL = {"widths": (8, 16)}


@pytest.fixture(scope="module")
def pictures():
    return data.emoji().images[:64]


@pytest.fixture(scope="module")
def fitted(pictures):
    torch.manual_seed(0)
    made = Autoencoder(**SMALL)
    losses = [step.losses.mean().item() for step in fit(made, pictures, Plan(3200, 32))]
    return made.eval(), losses


def test_a_latent_is_a_quarter_of_the_size():
    made = Autoencoder(1, 3, (8, 16))
    q = made.encode(torch.zeros(2, 1, 16, 24))
    assert q.mean.shape == q.var.shape == (2, 3, 4, 6) == made.latents(torch.zeros(2, 1, 16, 24))
    assert made.decode(q.mean).shape == (2, 1, 16, 24)


@pytest.mark.slow
def test_after_training_latents_have_mean_0_and_variance_1_by_channel(fitted, pictures):
    z = latents.encoded(fitted[0], pictures).mean
    assert torch.allclose(z.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(z.std((0, 2, 3)), torch.ones(4), atol=1e-4)


@pytest.mark.slow
def test_settling_changes_no_picture(fitted, pictures):
    torch.manual_seed(0)
    made, x = Autoencoder(**SMALL), pictures[:8]
    before, var = made.decode(made.encode(x).mean), made.encode(x).var
    made.settle(pictures)
    assert torch.allclose(made.decode(made.encode(x).mean), before, atol=1e-5)
    assert torch.allclose(made.encode(x).var * made.scale**2, var, rtol=1e-4)
    made.settle(pictures)  # a second time nothing changes
    assert torch.allclose(made.decode(made.encode(x).mean), before, atol=1e-5)


@pytest.mark.slow
def test_training_brings_pictures_back(fitted, pictures):
    made, losses = fitted
    assert sum(losses[-10:]) < 0.5 * sum(losses[:10])
    with torch.no_grad():
        off = (made.decode(made.encode(pictures).mean) - pictures).square().mean()
    assert off < 0.5 * (pictures - pictures.mean((0, 2, 3), keepdim=True)).square().mean()


def test_the_loss_is_its_three_parts():
    torch.manual_seed(0)
    made, x = Autoencoder(**SMALL), torch.rand(3, 3, 8, 8) * 2 - 1
    noise, q = torch.randn(3, 4, 2, 2), None
    q = made.encode(x)
    off = made.decoder(q.mean + q.var**0.5 * noise) - x
    kl = 0.5 * (q.mean**2 + q.var - 1 - q.var.log()).sum((1, 2, 3))
    told = (off**2).mean((1, 2, 3)) + 0.1 * off.abs().mean((1, 2, 3)) + 1e-6 * kl
    assert torch.allclose(made.loss(x, noise), told, rtol=1e-5)


@pytest.mark.slow
def test_a_file_holds_it_all(fitted, pictures, tmp_path):
    made, x = fitted[0], pictures[:4]
    latents.save_autoencoder(made, tmp_path / "a.safetensors", images=3200)
    again = latents.load_autoencoder(tmp_path / "a.safetensors")
    assert torch.equal(again.decode(again.encode(x).mean), made.decode(made.encode(x).mean))
    latents.save_autoencoder(made, tmp_path / "half.safetensors", half=True)
    near = latents.load_autoencoder(tmp_path / "half.safetensors")
    assert next(near.parameters()).dtype == torch.float32
    assert (near.decode(near.encode(x).mean) - made.decode(made.encode(x).mean)).abs().max() < 0.05
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "a.safetensors").stat().st_size


def test_what_is_wrong_is_told_before_training(pictures):
    made = Autoencoder(**SMALL)
    for bad, message in (
        (torch.zeros(2, 1, 8, 8), "shape \\(B, 3, H, W\\)"),
        (torch.zeros(2, 3, 8, 10), "multiples of 4"),
        (torch.full((2, 3, 8, 8), 255.0), "unscaled"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(made, bad, Plan(10))
    with pytest.raises(ValueError, match="images must be at least 1"):
        fit(made, pictures, Plan(0))
    with pytest.raises(ValueError, match=r"latents must have shape \(B, 4, h, w\)"):
        made.decode(torch.zeros(1, 3, 8, 8))
    with pytest.raises(ValueError, match="no autoencoder called 'cats'"):
        latents.pretrained_autoencoder("cats")


@pytest.mark.slow
def test_what_ships_draws_pairs_that_it_has_never_seen():
    """Their colour, and the outline of the thing: nearest to that of a real picture of it."""
    draw, paint = checkpoints.pretrained("emoji"), latents.pretrained_autoencoder("emoji")
    known, texts = data.emoji(), [*data.COMPOSITIONS] * 2
    x_T = torch.randn(len(texts), 4, 8, 8, generator=torch.Generator().manual_seed(0))
    z = last(sample(draw.guided(texts, 2.0), x_T, draw.schedule.times(20), ddim)).xt
    with torch.no_grad():
        x = paint.decode(z)
    assert sum(tint(image) == text.split()[0] for image, text in zip(x, texts, strict=True)) >= 15
    real, outline = known.where(known.held), lambda x: (x < 0.8).any(1).flatten(1).float()
    like = torch.cdist(outline(x), outline(real.images)).argmin(1).tolist()
    things = [real.names[k].split()[1] for k in like]
    assert sum(thing == text.split()[1] for thing, text in zip(things, texts, strict=True)) >= 14
