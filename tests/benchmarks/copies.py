"""When does a model of one's own pictures begin to repeat them?  Copies by size of the network and by length.

    python tests/benchmarks/copies.py --data my/pictures [--width 48] [--images 2500 5000 10000 20000 70000]

One picture in ten is held out.  As `train --latent` does it, an autoencoder is trained on the others, and in
its latents a denoiser for each length, each from the start and with a rate that falls to its end.  Printed:
samples that are copies (by `teach card`: less than half as far from the nearest picture as pictures are from
each other); how far, in grey levels, the mean sample is from its nearest picture, beside a held-out picture;
the loss in v on the pictures and on those held out, over ten noise levels.  As long as both losses fall,
learning from more pictures would give the same; where the second one turns, learning by heart has begun.
"""

import argparse
import time

import torch
from torch import Tensor

from ddpm_core import Denoiser, UNet, V, ancestral, cosine, folder, last, sample, train
from ddpm_core.speed import multiplies_bfloat16
from ddpm_core.study import latents
from ddpm_core.study.latents import Autoencoder, Captioned, Plan, encoded
from ddpm_core.study.metrics import grey_apart
from ddpm_core.teach.report.card import NEAR
from ddpm_core.training import Extras

SAMPLES, DRAWS = 64, 4


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """For each picture of a its distance to the nearest of b, not to itself, in grey levels."""
    far = grey_apart(a, b)
    return (far.fill_diagonal_(torch.inf) if a is b else far).amin(1)


@torch.no_grad()
def loss(denoiser: Denoiser, z: Tensor) -> float:
    """The mean squared error of v on latents z, over ten levels and DRAWS noises each, always the same."""
    g, errors = torch.Generator().manual_seed(5), []
    for level in range(50, 1000, 100):
        for _ in range(DRAWS):
            eps = torch.randn(z.shape, generator=g)
            errors.append(denoiser.loss(z, torch.tensor([level]), eps).mean() / z[0].numel())
    return torch.stack(errors).mean().item()


@torch.no_grad()
def drawn(denoiser: Denoiser, paint: Autoencoder, shape: tuple[int, ...]) -> Tensor:
    """Samples as `sample` draws them for a folder: 100 steps with fresh noise, always the same."""
    dice = torch.Generator().manual_seed(0)
    z = torch.randn(SAMPLES, *shape, generator=dice)
    return paint.decode(last(sample(denoiser, z, denoiser.schedule.times(100), ancestral, dice)).xt)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--images", type=int, nargs="+", default=[2_500, 5_000, 10_000, 20_000, 70_000])
    parser.add_argument("--autoencoder", type=int, default=24_000, help="pictures that it sees")
    args = parser.parse_args()
    whole = folder(args.data, 32).images
    aside = torch.arange(len(whole)) % 10 == 9
    own, held = whole[~aside], whole[aside]
    extras = Extras(multiplies_bfloat16(torch.device("cpu")), 5.0)
    torch.manual_seed(0)
    paint = Autoencoder(own.shape[1])
    for _ in latents.fit(paint, own, Plan(args.autoencoder, bf16=extras.bf16)):
        pass
    q = encoded(paint.eval(), own)
    data, z, z_held = Captioned(q, None, []), q.mean, encoded(paint, held).mean
    apart = nearest(own, own).mean().item()
    print(f"{len(own)} pictures, each {apart:.1f} from the nearest other in the mean")
    print(f"{len(held)} held out, each {nearest(held, own).mean():.1f} from the nearest of the others")
    print("seen     seconds  copies  nearest  loss  held out")
    for images in args.images:
        torch.manual_seed(0)
        net, start = UNet(4, width=args.width, mults=(1, 4)), time.process_time()
        denoiser = Denoiser(net, cosine(), V(), data.reach)
        for _ in train(denoiser, data, images=images, batch=64, lr=3e-3, ema=0.999, extras=extras):
            pass
        seconds = time.process_time() - start
        far = nearest(drawn(denoiser, paint, tuple(z.shape[1:])), own)
        copies = 100 * (far < NEAR * apart).float().mean().item()
        row = f"{images:<9,}{seconds:<9.0f}{copies:<8.0f}{far.mean():<9.1f}"
        print(row + f"{loss(denoiser, z):<6.2f}{loss(denoiser, z_held):.2f}", flush=True)


if __name__ == "__main__":
    main()
