"""Break a formula, see a test die.  Run from the repository's root: python tests/mutate.py [number ...]

Each mutant replaces one piece of one file, in a copy of the repository, and runs the law tests there until
the first failure.  The faults E01 to E09 are formulas that circulate in lecture notes.  Prints a table;
the exit status is the number of survivors.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Mutant(NamedTuple):
    fault: str
    file: str
    right: str
    wrong: str


MEAN = "ahead, back = s.signal * var / t.noise**2, scale * s.noise**2 / t.noise**2"
EPS_X0 = "return (xt - t.noise * out) / t.signal"
STEP = "return posterior(x0, xt, s, t).sample(noise)"
# the ancestral mean written with eps: (x_t - beta / root * eps) / front, eps implied by x0
DIRECT = (
    "scale, var = between(s, t); eps = (xt - t.signal * x0) / t.noise; "
    "return (xt - var / {root} * eps) / {front} + (var * s.noise**2 / t.noise**2) ** 0.5 * noise"
)

MUTANTS = [
    Mutant("E01 posterior mean: abar_t for alpha_t", "process.py", MEAN, MEAN.replace("scale *", "t.signal *")),
    Mutant("E02 mu: 1/sqrt(abar_t) in front", "sampling.py", STEP, DIRECT.format(root="t.noise", front="t.signal")),
    Mutant("E03/E04 mu: sqrt(1-alpha_t) inside", "sampling.py", STEP, DIRECT.format(root="var**0.5", front="scale")),
    Mutant(
        "E05 loss weighted by 1/(1-abar_t)",
        "denoiser.py",
        "return per_example((self.prediction.target(x0, eps, xt, s, now) - out) ** 2)",
        "return per_example((self.prediction.target(x0, eps, xt, s, now) - out) ** 2 / now.noise**2)",
    ),
    Mutant(
        "E06 x_t: sqrt(alpha_t) x_0 + sqrt(1-abar_t) eps",
        "denoiser.py",
        "xt = q_sample(x0, eps, now)",
        "xt = now.signal / s.signal * x0 + now.noise * eps",
    ),
    Mutant(
        "E07 x_t: sqrt(alpha_t) x_0 + sqrt(1-alpha_t) eps",
        "denoiser.py",
        "xt = q_sample(x0, eps, now)",
        "xt = now.signal / s.signal * x0 + (1 - (now.signal / s.signal) ** 2) ** 0.5 * eps",
    ),
    Mutant("E08 mean: no denominator", "process.py", MEAN, "ahead, back = s.signal, scale * s.noise**2"),
    Mutant("E09 mean without x_0", "process.py", MEAN, MEAN.replace("s.signal * var", "0 * var")),
    Mutant("x_t: variance for standard deviation", "process.py", "t.noise * eps", "t.noise**2 * eps"),
    Mutant("x_t: abar_t without its root", "process.py", "t.signal * x0 + t.noise", "t.signal**2 * x0 + t.noise"),
    Mutant("jump: scale not squared", "process.py", "scale**2 * s.noise**2", "scale * s.noise**2"),
    Mutant("beta-tilde: beta_t instead", "process.py", "var * s.noise**2 / t.noise**2)", "var)"),
    Mutant("beta-tilde: noise not squared", "process.py", "/ t.noise**2)\n", "/ t.noise)\n"),
    Mutant("beta-tilde upside down", "process.py", "var * s.noise**2 / t.noise**2", "var * t.noise**2 / s.noise**2"),
    Mutant("x0 from eps: noise squared", "prediction.py", EPS_X0, EPS_X0.replace("t.noise", "t.noise**2")),
    Mutant("v: sign", "prediction.py", "t.signal * xt - t.noise * out", "t.signal * xt + t.noise * out"),
    Mutant("v target: sign", "prediction.py", "t.signal * eps - t.noise * x0", "t.signal * eps + t.noise * x0"),
    Mutant("mu: t for s", "prediction.py", "out - scale * s.noise**2", "out - scale * t.noise**2"),
    Mutant("score: sign", "prediction.py", "return -eps / t.noise", "return eps / t.noise"),
    Mutant("score: not squared", "prediction.py", "xt + t.noise**2 * out", "xt + t.noise * out"),
    Mutant("sample: variance for deviation", "gaussian.py", "self.var**0.5", "self.var"),
    Mutant("kl: sign of the logarithm", "gaussian.py", "- 1 - _log(ratio)", "- 1 + _log(ratio)"),
    Mutant("kl: arguments exchanged", "gaussian.py", "return self.var / other.var", "return other.var / self.var"),
    Mutant("log_prob: a half lost", "gaussian.py", "-0.5 * (square", "-1.0 * (square"),
    Mutant("schedule: one entry too many", "schedule.py", "torch.ones(1, dtype", "torch.ones(2, dtype"),
    Mutant("cosine: half the angle", "schedule.py", "torch.cos(u * math.pi / 2)", "torch.cos(u * math.pi / 4)"),
    Mutant("cosine: not squared", "schedule.py", "(u * math.pi / 2) ** 2", "(u * math.pi / 2)"),
    Mutant("linear: wrong end", "schedule.py", "beta_max: float = 0.02", "beta_max: float = 0.2"),
    Mutant("level: off by one", "schedule.py", "signal[t].reshape", "signal[(t - 1).clamp(min=0)].reshape"),
    Mutant("at: off by one", "schedule.py", "Level(signal[t], noise[t])", "Level(signal[t], noise[t - 1])"),
    Mutant("table in float32", "schedule.py", "torch.cumprod(1 - betas, 0)", "torch.cumprod(1 - betas.float(), 0)"),
    Mutant("walk: not down to 0", "schedule.py", "range(steps, -1, -1)]", "range(steps, 0, -1)]"),
    Mutant("ddim: noise not rescaled", "sampling.py", "(xt - t.signal * x0) / t.noise", "(xt - t.signal * x0)"),
    Mutant("rule: noise at the last step", "sampling.py", "before_last * noise", "noise"),
    Mutant("rule: beta-tilde for beta", "sampling.py", "return posterior_beta(", "return posterior("),
    Mutant("loop: level of t for s", "sampling.py", "levels(path[1:]), ", "levels([t - 1 for t in path[:-1]]), "),
    Mutant("loop: uniform noise", "sampling.py", "empty.normal_(", "empty.uniform_("),
    Mutant("loop: uniform noise, of torch's own", "sampling.py", "torch.randn_like(", "torch.rand_like("),
    Mutant("loop: noise of global generator", "sampling.py", "noise = randn(x, generator)", "noise = randn(x)"),
    Mutant("loop: gradients on", "denoiser.py", "        with quietly():", "        if True:"),
    Mutant("loop: gradients of x_T", "sampling.py", "x = x.detach()", "pass"),
    Mutant("loop: gradients of the rule", "sampling.py", "@torch.no_grad()\ndef _move", "def _move"),
    Mutant("loop: gradients of what is no formula", "denoiser.py", "no_grad()(self.at)", "self.at"),
    Mutant("estimate: gradients on", "sampling.py", "@torch.no_grad()\ndef estimate", "def estimate"),
    Mutant("denoiser: clip dropped", "denoiser.py", "x0 if self.clip is None", "x0 if True"),
    Mutant("denoiser: one-sided clip", "denoiser.py", "clamp(-self.clip, self.clip)", "clamp(max=self.clip)"),
    Mutant("denoiser: t-1 for t", "denoiser.py", "s, now = self.schedule.at(t - 1), self.schedule.at(t)", "s, now = [self.schedule.at(t - 1)] * 2"),
    Mutant("loss: mean for sum", "gaussian.py", "return x.sum(", "return x.mean("),
    Mutant("training: t never T", "training.py", "randint(1, T + 1", "randint(1, T"),
    Mutant("training: t never 1", "training.py", "randint(1, T + 1", "randint(2, T + 1"),
    Mutant("training: the same noise each step", "training.py", "eps = torch.randn(x0.shape, generator=g, ", "eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0), "),
    Mutant("agreement: a picture is its own neighbour", "metrics.py", "        distance[torch.arange(len(part)), part] = torch.inf  # itself\n", ""),
    Mutant("training: a save resumed in another layout", "training.py", 'torch.empty_like(p).copy_(tensors[f"adam.{i}.{name}"])', 'tensors[f"adam.{i}.{name}"].to(p, copy=True)'),
    Mutant("training: autocast's old copies of the weights", "training.py", ", cache_enabled=False", ""),
    Mutant("training: average frozen", "training.py", "decay = min(ema,", "decay = max(1.0,"),
    Mutant("training: order never changes", "training.py", "seed * 1_000_003 + r", "seed * 1_000_003"),
    Mutant("training: labels all dropped", "training.py", ">= drop", "< 0"),
    Mutant("net: time ignored", "nets.py", "embed(t, self.width)", "embed(t * 0, self.width)"),
    Mutant("net: labels shifted", "nets.py", "else y + 1)", "else y.clamp(min=0))"),
    Mutant("frechet: means ignored", "metrics.py", "gap @ gap + cov_a", "cov_a"),
    Mutant("checkpoint: sum not compared", "checkpoints.py", "hexdigest() == told", "hexdigest() != ''"),
    Mutant("bound: prior with the variance of the data", "elbo.py", "end.noise**2).kl", "end.noise).kl"),
    Mutant("bound: x_t of the step's end", "elbo.py", "eps, now)\n", "eps, then)\n"),
    Mutant("bound: KL the other way round", "elbo.py", "posterior(x0, xt, s, t).kl(reverse(xhat, xt, s, t))", "reverse(xhat, xt, s, t).kl(posterior(x0, xt, s, t))"),
    Mutant("bound: decoder without its own variance", "elbo.py", "p if first is None else", "p if True else"),
    Mutant("weight: a half lost", "elbo.py", "/ (2 * one.var)", "/ one.var"),
    Mutant("weight: not squared", "elbo.py", "(one.mean - zero.mean) ** 2", "abs(one.mean - zero.mean)"),
    Mutant("bits/dim: per example", "elbo.py", "x0[0].numel() * ", ""),
    Mutant("grid: open ends closed", "gaussian.py", ".masked_fill(x < half - 1, -math.inf)", ""),
    Mutant("grid: twice as wide", "gaussian.py", "half = 1 /", "half = 2 /"),
    Mutant("mixture: spread without the signal", "exact.py", "spread = signal**2 * self.var", "spread = self.var"),
    Mutant("mixture: weights forgotten", "exact.py", "self.weights.log() - 0.5", "-0.5"),
    Mutant("mixture: score's sign", "exact.py", "centre - self._wide(pull", "centre + self._wide(pull"),
    Mutant("law: variances of a step not squared", "exact.py", "slope**2 * var + kick**2", "slope * var + kick**2"),
    Mutant("likelihood: spacing forgotten", "exact.py", "log_p + spacing.log()", "log_p"),
    Mutant("calibrated: slope not squared", "elbo.py", "slope**2 * self.errors[t]", "slope * self.errors[t]"),
    Mutant("calibrated: no number left in doubt", "elbo.py", "(square.sum(0, keepdim=True) + square.mean()) / (len(x0) + 1)", "square.mean(0, keepdim=True)"),
    Mutant("coder: rows come too early", "coder.py", "log_tau[first : first + BLOCK, None] - log_ratio", "-log_ratio"),
    Mutant("coder: the same noise in each step", "coder.py", 'f"{seed} {step} {block}"', 'f"{seed} {block}"'),
    Mutant("coder: other weights not noticed", "coder.py", "(*d.state_dict().values(), d.schedule.abar, self.var)", "(d.schedule.abar, self.var)"),
    Mutant("guidance: past the label", "denoiser.py", "return plain + strength * (told - plain)", "return told + strength * (told - plain)"),
    Mutant("guidance: the two exchanged", "denoiser.py", "cat([full_like(y, -1), y])", "cat([y, full_like(y, -1)])"),
    Mutant("inpainting: the level of the step's start", "sampling.py", "q_sample(known, noise, s)", "q_sample(known, noise, t)"),
    Mutant("inpainting: without noise", "sampling.py", "q_sample(known, noise, s)", "s.signal * known"),
    Mutant("langevin: noise half as strong", "sampling.py", "(2 * step) ** 0.5 * noise", "step**0.5 * noise"),
    Mutant("processes: a row lost", "parallel.py", "n * (rank + 1) // world", "n // world * (rank + 1)"),
    Mutant("processes: gradients not shared", "training.py", "    parallel.total(", "    len("),
    Mutant("processes: a total in another order", "parallel.py", "part.flatten() for part in parts", "part.flatten() for part in tensors"),
    Mutant("loop: the noise by the slope of x_t", "formula.py", "add_(z, alpha=of_z)", "add_(z, alpha=of_y)"),
    Mutant("loop: x_0 seen from the level below", "denoiser.py", "[t - 1 for t in times]", "times"),
    Mutant("loop: a rule of one's own is prepared too", "formula.py", 'return getattr(function, "formula", None) is function', "return True"),
    Mutant("loop: nothing noted for any network", "nets.py", 'return all(\n        type(m)', 'return True or all(\n        type(m)'),
    Mutant("loop: nothing noted for one that is watched", "nets.py", "or m._forward_hooks", ""),
    Mutant("loop: nothing noted of what it hands out", "denoiser.py", "        estimate = x0(out, xt)", "            estimate = x0(out, xt)"),
    Mutant("loop: an interrupt leaves inference mode on", "denoiser.py", "from torch._C import _InferenceMode", "from torch import inference_mode as _InferenceMode"),
    Mutant("min-SNR: slope not squared", "training.py", "* slope**2", "* slope"),
    Mutant("min-SNR: drawn as if for the noise", "training.py", "* slope**2", "/ schedule.snr[1:]"),
    Mutant("min-SNR: uniform all the same", "training.py", "if often is None:", "if True:"),
    Mutant("min-SNR: times one too early", "training.py", "t = 1 + often.multinomial", "t = often.multinomial"),
    Mutant("lean: wide on the way up", "nets.py", "widths[level - 1] if lean else c", "c"),
    Mutant("lean: nothing handed over on the way up", "nets.py", "return torch.lerp(h, skip, 0.5) if", "return h if"),
    Mutant("lean: the sum instead of the mean", "nets.py", "return torch.lerp(h, skip, 0.5) if", "return h + skip if"),
    Mutant("lean: narrow on the way down", "nets.py", "Down(c, c := w if lean else c)", "Down(c, c)"),
    Mutant("lean: in at another width", "nets.py", "c = widths[0] if lean else width", "c = width"),
    Mutant("lean: a second norm", "nets.py", "nn.Identity() if lean else norm(c_out)", "norm(c_out)"),
    Mutant("up: weights mirrored", "nets.py", "weight.flip(2, 3)", "weight"),
    Mutant("up: averaged, not added", "nets.py", "divisor_override=1", "divisor_override=4"),
    Mutant("up: sizes that don't double too", "nets.py", "if like.shape[-2:] != (2 * h, 2 * w):", "if False:"),
    Mutant("lean: files from before taken for it", "checkpoints.py", '{"lean": False} if', '{} if'),
    Mutant("fast: weights laid out at every call", "speed.py", "partial(patch, freezing=True)", "nullcontext"),
    Mutant("fast: no bfloat16", "speed.py", "torch.autocast(xt.device.type, torch.bfloat16)", "torch.no_grad()"),
]  # fmt: skip

LAWS = [
    "gaussian",
    "elbo",
    "exact",
    "schedule",
    "process",
    "prediction",
    "sampling",
    "training",
    "nets",
    "metrics",
    "checkpoints",
    "coder",
    "parallel",
    "speed",
]


def survives(mutant: Mutant) -> str | None:
    """The name of the test that dies, or None."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repo"
        shutil.copytree(
            ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", "runs", "notebooks", ".*_cache")
        )
        path = copy / "ddpm_core" / mutant.file
        text = path.read_text("utf-8")
        if text.count(mutant.right) < 1:
            raise SystemExit(f"{mutant.fault}: {mutant.file} no longer holds {mutant.right!r}")
        path.write_text(text.replace(mutant.right, mutant.wrong, 1), "utf-8")
        tests = [f"tests/test_{name}.py" for name in LAWS]
        command = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", *tests]
        done = subprocess.run(command, capture_output=True, text=True, cwd=copy, check=False, env=_env(copy))
    if done.returncode == 0:
        return None
    found = re.search(r"^(?:FAILED|ERROR) tests/(\S+)", done.stdout, re.M)
    return found[1] if found else f"exit {done.returncode}"


def _env(copy: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}


def main() -> int:
    chosen = [int(a) - 1 for a in sys.argv[1:]] or range(len(MUTANTS))
    survivors = 0
    print("| | fault | file | the test that dies |\n|---|---|---|---|")
    for i in chosen:
        test = survives(MUTANTS[i])
        survivors += test is None
        print(f"| {i + 1} | {MUTANTS[i].fault} | {MUTANTS[i].file} | {test or '**survives**'} |", flush=True)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} die")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
