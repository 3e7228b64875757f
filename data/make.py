"""Makes the files in this folder.  From the repository's root:

python data/make.py digits              needs scikit-learn, which contains the scans
python data/make.py emoji               needs npm, resvg-py, and a network
python data/make.py classifier          a minute on two cores
python data/make.py classifier mnist    ten minutes on two cores
python data/make.py denoiser            a minute or two on two cores
python data/make.py denoiser mnist      six hours on one core, two more on two
python data/make.py denoiser emoji      an hour on one core: an autoencoder, and a denoiser in its latents
python data/make.py pixels              an hour on one core: the same recipe without latents, and its pictures
python data/make.py minutes             ten minutes on one core: what a denoiser draws, minute by minute
python data/make.py judge mnist F.npz   measures the samples in F, ten minutes
python data/make.py picture             the picture at the head of the README
python data/make.py python              needs npm and node: the Python that judges answers in the site's pages
"""

import ast
import copy
import hashlib
import io
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from ddpm_core import Denoiser, Eps, UNet, V, checkpoints, cosine, data
from ddpm_core.__main__ import main
from ddpm_core.commands.models import model, painter
from ddpm_core.commands.recipes import LATENT, RECIPES
from ddpm_core.nets import Block
from ddpm_core.prediction import Prediction
from ddpm_core.sampling import ddim, last, sample
from ddpm_core.study import metrics
from ddpm_core.study.colours import tint
from ddpm_core.study.latents import (
    Autoencoder,
    Captioned,
    encoded,
    load_autoencoder,
    pretrained_autoencoder,
    save_autoencoder,
)
from ddpm_core.study.metrics import Classifier, entropy, floor, frechet, nearest
from ddpm_core.teach.page.film import film
from ddpm_core.teach.site.answers import sources
from ddpm_core.training import Extras, train
from ddpm_core.words import Vocabulary, vocabulary

PROMPTS = (
    *("red heart", "open book", "grinning face", "cat face", "rocket", "frog", "pizza", "tree"),
    *("green book", "orange heart", "purple square", "blue circle"),  # never seen together
)


def digits() -> None:
    """Write scikit-learn's scans, and a random split into training and test digits."""
    from sklearn.datasets import load_digits

    scans = load_digits()
    order = torch.randperm(1797, generator=torch.Generator().manual_seed(0)).numpy().astype(np.int16)
    np.savez_compressed(
        data.SHIPPED / "digits.npz",
        images=scans.images.astype(np.uint8),
        labels=scans.target.astype(np.uint8),
        train=order[:1437],
        test=order[1437:],
    )


SETS = {
    "fluent": "fluent-emoji-flat@1.2.6",
    "noto": "noto@1.2.9",
    "twemoji": "twemoji@1.2.5",
}  # of @iconify-json
NO_CLASS = {"middle-finger", "face-with-symbols-on-mouth", "cigarette", "love-hotel", "no-one-under-eighteen"}
ZODIAC = "aries taurus gemini cancer leo virgo libra scorpio sagittarius capricorn aquarius pisces ophiuchus"
MANY = re.compile(
    r"skin-tone|medium-(light|dark)|oclock|-thirty$|^keycap-|^letter-|^input-|blood-type|^japanese-.*button$|^family-"
)


def emoji() -> None:
    """Draw the emoji of three open sets at 32x32 on white: names that two sets or more have.

    It needs npm, which fetches the three packages, and resvg-py.  Drawn at 128x128, then averaged.
    """
    icons = {style: _icons(package) for style, package in SETS.items()}
    known = Counter(name for drawn in icons.values() for name in drawn["icons"])
    left_out = NO_CLASS | set(ZODIAC.split())
    names = sorted(n for n, sets in known.items() if sets > 1 and n not in left_out and not MANY.search(n))
    rows = [
        (_drawn(icons[s], n), n.replace("-", " "), s) for s in SETS for n in names if n in icons[s]["icons"]
    ]
    images, names, styles = (np.stack(column) for column in zip(*rows, strict=True))
    tints = np.array([tint(data.from_bytes(torch.from_numpy(x)).permute(2, 0, 1)) for x in images])
    path = data.SHIPPED / "emoji.npz"
    np.savez_compressed(path, images=images, names=names, styles=styles, tints=tints)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    print(f"{len(rows)} pictures of {len(set(names))} names: {path}, {digest}")


def _icons(package: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["npm", "pack", f"@iconify-json/{package}"], cwd=folder, check=True, capture_output=True
        )
        archive = next(Path(folder).glob("*.tgz"))
        raw = subprocess.run(["tar", "-xzOf", archive, "package/icons.json"], check=True, capture_output=True)
        return json.loads(raw.stdout)


def _drawn(icons: dict[str, Any], name: str, side: int = 32, over: int = 4) -> np.ndarray:
    import resvg_py

    icon, size = icons["icons"][name], side * over
    box = {"left": 0, "top": 0, "width": 16, "height": 16}
    left, top, width, height = (icon.get(key, icons.get(key, usual)) for key, usual in box.items())
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{left} {top} {width} {height}" width="{size}" height="{size}">{icon["body"]}</svg>'
    )
    picture = Image.open(
        io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size)))
    ).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    return np.asarray(paper.convert("RGB").resize((side, side), Image.Resampling.BOX))


def distorted(x: torch.Tensor, g: torch.Generator) -> torch.Tensor:
    """Each picture turned by up to 15 degrees, scaled by 12 %, sheared by 0.15, moved by 9 % of its width."""
    rand = lambda width: (torch.rand(len(x), generator=g) - 0.5) * width  # noqa: E731
    angle, scale, shear = rand(2 * math.radians(15)), 1 + rand(0.24), rand(0.3)
    theta = torch.zeros(len(x), 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = angle.cos() * scale, -angle.sin() * scale + shear
    theta[:, 1, 0], theta[:, 1, 1] = angle.sin() * scale, angle.cos() * scale
    theta[:, :, 2] = (torch.rand(len(x), 2, generator=g) - 0.5) * 0.35
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x + 1, grid, align_corners=False) - 1  # outside the picture it is -1, like paper


def classifier(name: str = "digits", batch: int = 64, lr: float = 2e-3, seed: int = 0) -> None:
    """Train a classifier on distorted copies of the training digits, and write it."""
    read, width, rounds = {"digits": (data.digits, 32, 80), "mnist": (data.mnist, 16, 6)}[name]
    train, test = read()
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    net = Classifier(width)
    optimizer = torch.optim.AdamW(net.parameters(), lr, weight_decay=0.02)
    step, steps = 0, rounds * (len(train.images) // batch)
    for _ in range(rounds):
        order = torch.randperm(len(train.images), generator=g)
        for now in order[: len(order) // batch * batch].split(batch):
            step += 1
            for group in optimizer.param_groups:
                group["lr"] = lr * min(1, step / 100) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
            features = F.dropout(net.body(distorted(train.images[now], g)), 0.2)
            loss = F.cross_entropy(net.head(features), train.labels[now], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    net.eval()
    right = int((net.classes(test.images) == test.labels).sum())
    checkpoints.write_tensors(
        data.SHIPPED / f"{name}-classifier.safetensors",
        net.state_dict(),
        {"args": net.config, "card": {"data": name, "rounds": rounds, "seed": seed, "test_right": right}},
    )
    print(f"{right} of {len(test.images)} test digits read right")


def denoiser(name: str = "digits") -> None:
    """Train a denoiser with lean=False by the command line, for MNIST in five runs, and write it."""
    torch.manual_seed(0)
    if name == "digits":
        plain = start("plain", UNet(lean=False), Eps(), size=8)
        trained = run("digits", f"--from {plain} --data digits --images 200000 --seed 0")
        shutil.copyfile(trained, data.SHIPPED / "digits-denoiser.safetensors")
        return
    if name == "emoji":
        halved(run("emoji", "--data emoji --latent --images 1500000 --seed 0"))
        return
    small = start("small", UNet(width=16, mults=(1, 3, 6), classes=10, lean=False), Eps())
    first = run("first", f"--from {small} --data mnist --images 700000 --seed 0")
    more = "--data mnist --lr 2e-3 --bf16"
    second = run("second", f"--from {first} {more} --images 1150000 --seed 1")
    torch.manual_seed(2)
    deep = start("deep", deeper(checkpoints.load(second).net), V())
    third = run("third", f"--from {deep} {more} --images 850000 --seed 2 --batch 128 --agree 0.5")
    slow = "--data mnist --lr 1e-3 --bf16 --agree 0.5"
    fourth = run("fourth", f"--from {third} {slow} --images 300000 --seed 3 --batch 128 --drop 0.25")
    last_run = run("fifth", f"--from {fourth} {slow} --images 400000 --seed 4 --batch 256 --drop 0.5")
    trained = checkpoints.load(last_run)
    trained.net.half()  # 3.5 MB instead of 7
    checkpoints.save(trained, data.SHIPPED / "mnist-denoiser.safetensors", **checkpoints.card(last_run))


def pixels(trained: str = "") -> None:
    """Train the emoji's recipe in pixels for as long as the one in latents, and keep what both draw.

    trained: the folder of such a run, if it is there already.
    """
    own = trained or str(run("pixels", "--data emoji --images 360000 --seed 0").parent)
    drawn = {"pixels": drawings(own), "latents": drawings("emoji")}
    np.savez_compressed(data.SHIPPED / "emoji-pixels.npz", prompts=np.array(PROMPTS), **drawn)


def minutes(long: int = 6) -> None:
    """Train the emoji's denoiser in the latents that ship for so many minutes of CPU, and keep what it draws.

    Two pictures of each prompt at the end of every minute, from the same noise: with how many pictures were
    seen, and the mean loss of the minute.
    """
    own, _ = RECIPES["emoji"].read()
    paint, words = pretrained_autoencoder("emoji"), vocabulary(text for both in own.captions for text in both)
    told = [Vocabulary(words).known(text) for text in zip(*own.captions, strict=True)]
    fed = Captioned(encoded(paint, own.images), None, told)
    torch.manual_seed(0)
    denoiser = Denoiser(UNet(**LATENT, words=words), cosine(), V(), fed.reach)
    how: dict[str, Any] = {"batch": 128, "lr": 3e-3, "ema": 0.995, "extras": Extras(bf16=True)}
    trial, start = train(copy.deepcopy(denoiser), fed, images=10**9, **how), time.process_time()
    for _ in range(20):
        next(trial)
    images = int(60 * long / (time.process_time() - start) * 20) * how["batch"]
    drawn, losses, seen, start = [], [], [], time.process_time()
    for step in train(denoiser, fed, images=images, **how):
        losses.append(step.loss)
        if step.images >= images * (len(drawn) + 1) / long:
            drawn.append(pictured(denoiser, paint))
            seen.append((step.images, sum(losses) / len(losses), time.process_time() - start))
            print(*seen[-1], flush=True)
            losses = []
    np.savez_compressed(
        data.SHIPPED / "emoji-minutes.npz",
        prompts=np.array(PROMPTS),
        drawn=np.stack(drawn),
        seen=np.array(seen),
    )


@torch.no_grad()
def pictured(denoiser: Denoiser, paint: Autoencoder) -> np.ndarray:
    """Two pictures of each prompt in 20 steps of DDIM: (prompts, 2, 32, 32, 3) uint8."""
    told = denoiser.guided([text for text in PROMPTS for _ in range(2)], 2.0)
    z_T = torch.randn(2 * len(PROMPTS), 4, 8, 8, generator=torch.Generator().manual_seed(0))
    x = paint.decode(last(sample(told, z_T, told.schedule.times(20), ddim)).xt)
    return data.to_bytes(x.unflatten(0, (-1, 2)).movedim(2, -1)).numpy()


@torch.no_grad()
def drawings(name: str) -> np.ndarray:
    """Four pictures of each prompt by a model with words: (prompts, 4, 32, 32, 3) uint8."""
    card, denoiser = model(name, torch.device("cpu"))
    told = denoiser.guided([text for text in PROMPTS for _ in range(4)], card["guidance"])
    x_T = torch.randn(4 * len(PROMPTS), *card["shape"], generator=torch.Generator().manual_seed(0))
    x = last(sample(told, x_T, told.schedule.times(card["steps"]), ddim)).xt
    x = painter(name, card, torch.device("cpu"))(x).unflatten(0, (-1, 4)).movedim(2, -1)
    return data.to_bytes(x).numpy()


def halved(trained: Path) -> None:
    """Write a denoiser of latents and the autoencoder beside it in float16: 7.9 MB instead of 16."""
    denoiser = checkpoints.load(trained)
    denoiser.net.half()
    checkpoints.save(denoiser, data.SHIPPED / "emoji-denoiser.safetensors", **checkpoints.card(trained))
    beside = trained.with_name("autoencoder.safetensors")
    card = checkpoints.card(beside)
    save_autoencoder(
        load_autoencoder(beside), data.SHIPPED / "emoji-autoencoder.safetensors", half=True, **card
    )


def run(name: str, wish: str) -> Path:
    """Run the command `train` with these arguments, and return the file of its weights."""
    if main(["train", "--out", f"runs/{name}", *wish.split()]):
        raise SystemExit(2)
    return Path(f"runs/{name}/model.safetensors")


def start(name: str, net: UNet, prediction: Prediction, size: int = 28) -> Path:
    """Save an untrained network, and return the file of its weights."""
    target = Path(f"runs/{name}/model.safetensors")
    denoiser = Denoiser(net, cosine(), prediction, clip=1.0)
    checkpoints.save(denoiser, target, shape=[1, size, size])
    return target


def deeper(net: UNet) -> UNet:
    """The same network with two blocks instead of each one; the new blocks start as the identity."""
    more = UNet(**{**net.config, "blocks": 2})
    for name in ("embedding", "enter", "middle", "leave"):
        getattr(more, name).load_state_dict(getattr(net, name).state_dict())
    for name in ("down", "up"):
        given, nth = iter(getattr(net, name)), 0
        for layer in getattr(more, name):
            nth = nth + 1 if isinstance(layer, Block) else 0
            if nth != 2:
                layer.load_state_dict(next(given).state_dict())
            elif isinstance(layer.skip, torch.nn.Conv2d):
                torch.nn.init.dirac_(layer.skip.weight)
                torch.nn.init.zeros_(layer.skip.bias)
    return more


def judge(name: str, file: str, draws: int = 20) -> None:
    """Compare samples with labels to real digits, by the classifier that ships, and print the results."""
    train, test = {"digits": data.digits, "mnist": data.mnist}[name]()
    with np.load(file, allow_pickle=False) as arrays:
        images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])
    net = metrics.classifier(name)
    right = (net.classes(images) == labels).double()
    print(f"read as asked {right.mean():.4f} ± {right.std() / len(right) ** 0.5:.4f}")
    print("by class     ", *(f"{right[labels == k].mean():.2f}" for k in range(10)))
    real = net.features(test.images)
    floors = floor(net.features(train.images), train.labels, real, len(images) // 10, draws)
    distance = frechet(net.features(images), real)
    print(f"Frechet       {distance:.4f}, {distance / floors.mean():.3f} x the floor")
    print(f"the floor     {floors.mean():.4f} ± {floors.std():.4f}")
    print(f"entropy       {entropy(net.classes(images)) / math.log(10):.4f} log 10")
    near, near_real = nearest(images, train.images), nearest(test.images[:1000], train.images)
    print(f"nearest       {near.median() / near_real.median():.3f} x the test digits' (the first 1,000)")
    print(f"closest       {near.min():.2f}; test digits {near_real.min():.2f}")


def picture(target: str = "notebooks/denoising.png") -> None:
    """Make the README's animation: 48 digits sampled by the denoiser that ships; the still is the end."""
    g = torch.Generator().manual_seed(0)
    model = checkpoints.pretrained("digits")
    start = torch.randn(48, 1, 8, 8, generator=g)
    walk = list(sample(model, start, model.schedule.times(100), generator=g))[::2]
    Path(target).write_bytes(film([frame.xt for frame in walk], 12, greys=17, width=860))  # the scans' greys


PYODIDE = "pyodide@314.0.7"
# Run by node in that Python itself: its standard library as far as the course needs it, compiled, so that it
# starts in a third of the time; without docstrings.
CUT = """
import importlib.util, io, marshal, sys, zipfile, zipimport

for name in NEEDED:
    __import__(name)
home, out = "/lib/python314.zip/", io.BytesIO()
known = {str(getattr(module, "__file__", "")) for module in [*sys.modules.values()]}
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
    for path in sorted(name for name in known if name.startswith(home)):
        source = zipimport.zipimporter(home[:-1]).get_data(path)
        code = marshal.dumps(compile(source, path, "exec", dont_inherit=True, optimize=2))
        name = zipfile.ZipInfo(path.removeprefix(home) + "c")
        head = importlib.util.MAGIC_NUMBER + b"\\1\\0\\0\\0" + bytes(8)
        archive.writestr(name, head + code, compress_type=8)
out.getvalue()
"""
NODE = """
const [, , folder, cut] = process.argv;
const { loadPyodide } = await import(`${folder}/pyodide.mjs`);
const python = await loadPyodide({ indexURL: `${folder}/` });
(await import("fs")).writeFileSync(`${folder}/stdlib.zip`, python.runPython(cut).toJs());
"""


LATER = {"encodings.utf_8_sig"}  # that Python imports by itself, when the progress file is read


def _imported() -> set[str]:
    """The modules of the standard library that the sources of the judge in a page import."""
    trees = [ast.parse(text) for name, text in sources().items() if name.endswith(".py")]
    found = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in found if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in found if isinstance(node, ast.ImportFrom) and not node.level}
    return {name for name in names if name.partition(".")[0] in sys.stdlib_module_names} - {
        "__future__"
    } | LATER


def python() -> None:
    """Pack Pyodide, CPython for the browser, with as much of its standard library as the course needs."""
    target = data.SHIPPED / "python-in-a-page.zip"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["npm", "pack", PYODIDE], cwd=folder, check=True, capture_output=True)
        subprocess.run(["tar", "-xzf", next(folder.glob("*.tgz"))], cwd=folder, check=True)
        (folder / "cut.mjs").write_text(NODE)
        package = folder / "package"
        needed = f"NEEDED = {sorted(_imported())}\n"
        subprocess.run(["node", folder / "cut.mjs", package, needed + CUT], check=True)
        lock = json.loads((package / "pyodide-lock.json").read_text("utf-8"))
        (package / "lock.json").write_text(json.dumps({"info": lock["info"], "packages": {}}))
        with zipfile.ZipFile(target, "w") as archive:
            for file in ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "stdlib.zip", "lock.json"):
                archive.writestr(zipfile.ZipInfo(file), (package / file).read_bytes(), 8, 9)
    print(f"{target}, {target.stat().st_size} bytes, {hashlib.sha256(target.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    {f.__name__: f for f in (digits, emoji, classifier, denoiser, pixels, minutes, judge, picture, python)}[
        sys.argv[1]
    ](*sys.argv[2:])
