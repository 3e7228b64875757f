"""Mutation tests.  From the repository's root: python tests/mutate.py [number ...] [--jobs N]

Each mutant replaces one piece of one file, in a copy of the repository, and runs the core's tests there until
the first failure, beginning with those of the file's own module.  The faults E01 to E09 are wrong formulas
from lecture notes.  Prints a table; the exit status is the number of mutants that survive.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
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
    Mutant("sample: variance for deviation", "gaussian.py", "self.mean + self.var**0.5", "self.mean + self.var"),
    Mutant("kl: sign of the logarithm", "gaussian.py", "- 1 - _log(ratio)", "- 1 + _log(ratio)"),
    Mutant("kl: arguments exchanged", "gaussian.py", "return self.var / other.var", "return other.var / self.var"),
    Mutant("log_prob: a half lost", "gaussian.py", "-0.5 * (square", "-1.0 * (square"),
    Mutant("schedule: one entry too many", "schedule.py", "betas.new_ones(1)", "betas.new_ones(2)"),
    Mutant("cosine: half the angle", "schedule.py", "torch.cos(u * math.pi / 2)", "torch.cos(u * math.pi / 4)"),
    Mutant("cosine: not squared", "schedule.py", "(u * math.pi / 2) ** 2", "(u * math.pi / 2)"),
    Mutant("linear: wrong end", "schedule.py", "beta_max: float = 0.02", "beta_max: float = 0.2"),
    Mutant("level: off by one", "schedule.py", "(table[t].reshape", "(table[(t - 1).clamp(min=0)].reshape"),
    Mutant("at: off by one", "schedule.py", "return self._levels[int(t)]", "return Level(self._levels[int(t)][0], self._levels[int(t) - 1][1])"),
    Mutant("table in float32", "schedule.py", "torch.cumprod(1 - betas, 0)", "torch.cumprod(1 - betas.float(), 0)"),
    Mutant("walk: not down to 0", "schedule.py", "range(steps, -1, -1)]", "range(steps, 0, -1)]"),
    Mutant("ddim: noise not rescaled", "sampling.py", "ratio = s.noise / t.noise\n    return", "ratio = s.noise\n    return"),
    Mutant("rule: noise at the last step", "sampling.py", "before_last * noise", "noise"),
    Mutant("rule: beta-tilde for beta", "sampling.py", "return posterior_beta(", "return posterior("),
    Mutant("loop: level of t for s", "sampling.py", "rule(x0, xt, denoiser.schedule.at(s)", "rule(x0, xt, denoiser.schedule.at(t - 1)"),
    Mutant("loop: uniform noise", "sampling.py", "empty.normal_(", "empty.uniform_("),
    Mutant("loop: uniform noise, of torch's own", "sampling.py", "torch.randn_like(", "torch.rand_like("),
    Mutant("loop: noise of global generator", "sampling.py", "noise = randn(x, generator)", "noise = randn(x)"),
    Mutant("loop: gradients of x_T", "sampling.py", "x, at_rest = x.detach(), ", "x, at_rest = x, "),
    Mutant("loop: gradients of the rule", "sampling.py", "at_rest(_step, denoiser", "_step(denoiser"),
    Mutant("estimate: gradients on", "sampling.py", "estimate = checks.at_rest(_estimate)", "estimate = _estimate"),
    Mutant("loop: in training mode", "checks.py", '            own["training"] = training', "            pass"),
    Mutant("loop: a scripted network in training mode", "checks.py", "            module.training = training", "            own['training'] = training"),
    Mutant("loop: one generator for all", "sampling.py", "randn(row, die) for row", "randn(row, generator[0]) for row"),
    Mutant("trial: rows not compared", "checks.py", "_alike(outs[0][:few], outs[1])", "True"),
    Mutant("trial: as many rows as another axis", "checks.py", "if n not in x.shape[1:]]", "if True]"),
    Mutant("trial: draws random numbers", "checks.py", "with torch.random.fork_rng([x.device] if x.is_cuda else []), eager:", "with eager:"),
    Mutant("attention: no skip", "nets.py", "return x + self.out(F", "return self.out(F"),
    Mutant("attention: not in the middle", "nets.py", "lean, bool(attention))", "lean)"),
    Mutant("fast: labels forgotten", "speed.py", 'getattr(self.net, "config")', "{}"),
    Mutant("denoiser: clip dropped", "denoiser.py", "x0 if self.clip is None", "x0 if True"),
    Mutant("denoiser: one-sided clip", "denoiser.py", "clamp(-self.clip, self.clip)", "clamp(max=self.clip)"),
    Mutant("denoiser: t-1 for t", "denoiser.py", "s, now = self.schedule.at(t - 1), self.schedule.at(t)", "s, now = [self.schedule.at(t - 1)] * 2"),
    Mutant("loss: mean for sum", "gaussian.py", "return x.sum(", "return x.mean("),
    Mutant("training: t never T", "training.py", "randint(1, run.T + 1", "randint(1, run.T"),
    Mutant("training: t never 1", "training.py", "randint(1, run.T + 1", "randint(2, run.T + 1"),
    Mutant("training: the same noise each step", "training.py", "eps = torch.randn(x0.shape, generator=g, ", "eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(0), "),
    Mutant("agreement: a picture is its own neighbour", "study/metrics.py", "        distance[torch.arange(len(part)), part] = torch.inf  # itself\n", ""),
    Mutant("training: a save resumed in another layout", "training.py", "torch.empty_like(p).copy_(m)", "m.to(p, copy=True)"),
    Mutant("training: autocast's old copies of the weights", "training.py", ", cache_enabled=False", ""),
    Mutant("training: average frozen", "training.py", "run.follow(min(plan.ema,", "run.follow(max(1.0,"),
    Mutant("training: order never changes", "data.py", "seed * 1_000_003 + r", "seed * 1_000_003"),
    Mutant("training: labels all dropped", "training.py", ">= drop", "< 0"),
    Mutant("net: time ignored", "nets.py", "embed(t, self.width)", "embed(t * 0, self.width)"),
    Mutant("net: labels shifted", "nets.py", "else y + 1)", "else y.clamp(min=0))"),
    Mutant("frechet: means ignored", "study/metrics.py", "gap @ gap + cov_a", "cov_a"),
    Mutant("checkpoint: sum not compared", "checkpoints.py", "hexdigest() == told", "hexdigest() != ''"),
    Mutant("bound: prior with the variance of the data", "elbo.py", "end.noise**2).kl", "end.noise).kl"),
    Mutant("bound: x_t of the step's end", "elbo.py", "noise(), now)\n", "noise(), then)\n"),
    Mutant("bound: KL the other way round", "elbo.py", "posterior(x0, xt, s, t).kl(reverse(xhat, xt, s, t))", "reverse(xhat, xt, s, t).kl(posterior(x0, xt, s, t))"),
    Mutant("bound: decoder without its own variance", "elbo.py", "Gaussian(p.mean, first) if s.noise == 0 else p", "p"),
    Mutant("weight: a half lost", "elbo.py", "/ (2 * one.var)", "/ one.var"),
    Mutant("weight: not squared", "elbo.py", "(one.mean - zero.mean) ** 2", "abs(one.mean - zero.mean)"),
    Mutant("bits/dim: per example", "elbo.py", "x0[0].numel() * ", ""),
    Mutant("grid: open ends closed", "gaussian.py", ".masked_fill(x < half - 1, -math.inf)", ""),
    Mutant("grid: twice as wide", "gaussian.py", "half = 1 /", "half = 2 /"),
    Mutant("mixture: spread without the signal", "study/exact.py", "spread = signal**2 * self.var + noise**2  # (B, K)\n        r ", "spread = self.var + noise**2\n        r "),
    Mutant("mixture: weights forgotten", "study/exact.py", "self.weights.log() - 0.5", "-0.5"),
    Mutant("mixture: score's sign", "study/exact.py", "centre - self._wide(pull", "centre + self._wide(pull"),
    Mutant("law: variances of a step not squared", "study/exact.py", "slope**2 * var + kick**2", "slope * var + kick**2"),
    Mutant("likelihood: spacing forgotten", "study/exact.py", "log_p + spacing.log()", "log_p"),
    Mutant("calibrated: slope not squared", "study/calibrated.py", "slope**2 * self.errors[t]", "slope * self.errors[t]"),
    Mutant("calibrated: no number left in doubt", "study/calibrated.py", "(square.sum(0, keepdim=True) + square.mean()) / (len(x0) + 1)", "square.mean(0, keepdim=True)"),
    Mutant("coder: rows come too early", "study/coder.py", "log_tau[first : first + BLOCK, None] - log_ratio", "-log_ratio"),
    Mutant("coder: the same noise in each step", "study/coder.py", 'f"{seed} {step} {block}"', 'f"{seed} {block}"'),
    Mutant("coder: other weights not noticed", "study/coder.py", "(*d.state_dict().values(), *checkpoints", "(*checkpoints"),
    Mutant("guidance: past the label", "denoiser.py", "return plain + strength", "return conditional + strength"),
    Mutant("guidance: the two exchanged", "denoiser.py", "cat([checks.for_all(self.away, xt), self.for_all(xt)])", "cat([self.for_all(xt), checks.for_all(self.away, xt)])"),
    Mutant("inpainting: the level of the step's start", "sampling.py", "q_sample(known, noise, s)", "q_sample(known, noise, t)"),
    Mutant("inpainting: without noise", "sampling.py", "q_sample(known, noise, s)", "s.signal * known"),
    Mutant("langevin: noise half as strong", "sampling.py", "(2 * step) ** 0.5 * noise", "step**0.5 * noise"),
    Mutant("processes: a row lost", "parallel.py", "n * (rank + 1) // world", "n // world * (rank + 1)"),
    Mutant("processes: gradients not shared", "training.py", "    parallel.total(", "    len("),
    Mutant("processes: a total in another order", "parallel.py", "part.flatten() for part in parts", "part.flatten() for part in tensors"),
    Mutant("loop: x_0 as from the step's end", "sampling.py", "x0 = _estimate(denoiser, xt, t)\n", "x0 = _estimate(denoiser, xt, s + 1)\n"),
    Mutant("loop: the same noise in each step", "sampling.py", "noise = randn(x, generator)", "noise = randn(x, torch.Generator().manual_seed(0))"),
    Mutant("loop: the noise of another step told", "sampling.py", "yield Frame(s, x, x0, noise)", "yield Frame(s, x, x0, -noise)"),
    Mutant("loop: levels in the data's dtype", "sampling.py", "denoiser.schedule.at(s), denoiser.schedule.at(t), noise)", "*(denoiser.schedule.at(torch.tensor([k]), xt) for k in (s, t)), noise)"),
    Mutant("loop: an interrupt leaves gradients off", "checks.py", "            finally:\n                _put(before, awake, True)\n", "            finally:\n                pass\n"),
    Mutant("loop: gradients stay off", "checks.py", "_put(before, awake, True)\n\n\ndef", "pass\n\n\ndef"),
    Mutant("min-SNR: slope not squared", "training.py", "* slope**2", "* slope"),
    Mutant("min-SNR: drawn as if for the noise", "training.py", "* slope**2", "/ schedule.snr[1:]"),
    Mutant("min-SNR: uniform all the same", "training.py", "if t_weights is None:\n", "if True:\n"),
    Mutant("min-SNR: times one too early", "training.py", "return 1 + t_weights", "return t_weights"),
    Mutant("lean: wide on the way up", "nets.py", "widths[level - 1] if lean else c", "c"),
    Mutant("lean: nothing handed over on the way up", "nets.py", "return torch.lerp(h, skip, 0.5) if", "return h if"),
    Mutant("lean: the sum instead of the mean", "nets.py", "return torch.lerp(h, skip, 0.5) if", "return h + skip if"),
    Mutant("lean: narrow on the way down", "nets.py", "Down(c, c := w if lean else c)", "Down(c, c)"),
    Mutant("lean: in at another width", "nets.py", "c = widths[0] if lean else width", "c = width"),
    Mutant("lean: a second norm", "nets.py", "nn.Identity() if lean else norm(c_out)", "norm(c_out)"),
    Mutant("lean: files from before taken for it", "checkpoints.py", '{"lean": False} if', '{} if'),
    Mutant("fast: weights converted at every pass", "speed.py", "            layer.to(torch.bfloat16)", "            pass"),
    Mutant("fast: no bfloat16", "speed.py", 'torch.autocast(xt.device.type if _casts(xt) else "cpu", torch.bfloat16)', "torch.no_grad()"),
    # mutants that survived once, and similar ones
    Mutant("mixture: a constant once, not once a dimension", "study/exact.py", "m.shape[1] * (2", "(2"),
    Mutant("mixture: one dimension too many", "study/exact.py", "m.shape[1] * (2", "(m.shape[1] + 1) * (2"),
    Mutant("mixture: the density's spread without the signal", "study/exact.py", "spread = signal**2 * self.var + noise**2  # (B, K)\n        if", "spread = signal * self.var + noise**2\n        if"),
    Mutant("mixture: gain without the signal", "study/exact.py", "(r * signal * self.var / spread)", "(r * self.var / spread)"),
    Mutant("mixture: score without the signal", "study/exact.py", "((signal * pull) @", "(pull @"),
    Mutant("mixture: draws with the variance for the deviation", "study/exact.py", "self.var[k].sqrt()", "self.var[k]"),
    Mutant("mixture: draws of equal weights", "study/exact.py", "multinomial(self.weights.cpu(),", "multinomial(torch.ones(len(self.weights)),"),
    Mutant("decoder: it starts from nothing", "study/vae.py", "start = xt if self.shapes[t] == self.shapes[t - 1] else 0.0", "start = 0.0"),
    Mutant("decoder: it starts from nothing at the pixels", "study/vae.py", "if self.shapes[t] == self.shapes[t - 1] else", "if t > 1 and self.shapes[t] == self.shapes[t - 1] else"),
    Mutant("encoder: x_t not looked at", "study/vae.py", "[x0.flatten(1), xt.flatten(1)]", "[x0.flatten(1), 0 * xt.flatten(1)]"),
    Mutant("encoder: x_0 not looked at", "study/vae.py", "[x0.flatten(1), xt.flatten(1)]", "[0 * x0.flatten(1), xt.flatten(1)]"),
    Mutant("hvae: KL the other way round", "study/vae.py", "yield Term(t, q.kl(p))", "yield Term(t, p.kl(q))"),
    Mutant("hvae: deviations for variances", "study/vae.py", "LOG_VAR).exp())\n", "LOG_VAR).exp() ** 2)\n"),
    Mutant("linear vae: a half lost", "study/vae.py", "w**2 * var / (2 * noise**2)", "w**2 * var / noise**2"),
    Mutant("walk: times rounded down", "schedule.py", "[round(self.T", "[int(self.T"),
    Mutant("walk: times rounded up", "schedule.py", "[round(self.T", "[math.ceil(self.T"),
    Mutant("bound's walk: times rounded down", "elbo.py", "[round(schedule.T", "[int(schedule.T"),
    Mutant("x0: tensors otherwise than symbols", "prediction.py", "        return out\n", "        return out.clamp(-16, 16) if isinstance(out, Tensor) else out\n"),
    Mutant("v: tensors otherwise than numbers", "prediction.py", "return (t.signal * xt - t.noise * out)", "return (t.signal * xt - (1.001 if isinstance(t.noise, Tensor) else 1) * t.noise * out)"),
    Mutant("transition: tensors otherwise than symbols", "process.py", "return Gaussian(scale * xs, var)", "return Gaussian(scale * (xs.clamp(-9, 9) if isinstance(xs, Tensor) else xs), var)"),
    Mutant("coder: arrivals at even times", "study/coder.py", "np.log(gaps.cumsum())", "np.log(np.arange(1, count + 1))"),
    Mutant("coder: arrivals in no order", "study/coder.py", "np.log(gaps.cumsum())", "np.log(gaps)"),
    Mutant("coder: bits taken for nats", "study/coder.py", ', "bits", 0, DEEPEST) * math.log(2)', ', "bits", 0, DEEPEST)'),
    Mutant("coder: steps not as long as they may be", "study/coder.py", "low, s = end, t\n", "low, s = (end + t) // 2, t\n"),
    Mutant("coder: beta-tilde for the calibrated variance", "study/coder.py", "torch.as_tensor(reverse(x0[:1], x0[:1], schedule.at(s), now).var)", "torch.as_tensor(posterior(x0[:1], x0[:1], schedule.at(s), now).var).expand_as(x0[:1])"),
    Mutant("coder: a walk of beta-tilde", "study/coder.py", "Gaussian(posterior(x0, xt, at(s), at(t)).mean, self.var[k])", "posterior(x0, xt, at(s), at(t))"),
    Mutant("coder: the last block not searched", "study/coder.py", "range(-(-count // BLOCK))", "range(max(1, -(-count // BLOCK) - 1))"),
    Mutant("coder: only whole blocks searched", "study/coder.py", "range(-(-count // BLOCK))", "range(max(1, count // BLOCK))"),
    Mutant("half precision: one time in the data's dtype", "denoiser.py", "s, now = self.schedule.at(t - 1), self.schedule.at(t)\n            t = full((1,), t, device=xt.device)", "t = full((1,), t, device=xt.device)\n            s, now = self.schedule.at(t - 1, xt), self.schedule.at(t, xt)"),
    Mutant("half precision: floats of a float32 table", "schedule.py", "a.tolist(), b.tolist())", "a.float().tolist(), b.float().tolist())"),
    Mutant("report: the mean for the median", "study/metrics.py", "        to_train.median()", "        to_train.mean()"),
    Mutant("report: the mean for the median of real ones", "study/metrics.py", "real_to_train.median()", "real_to_train.mean()"),
    Mutant("report: closest of the wrong ones", "study/metrics.py", "        to_train.min()", "        real_to_train.min()"),
    Mutant("report: floor of the test's own", "study/metrics.py", "frechet(judge.features(train), features)", "frechet(judge.features(samples), features)"),
    Mutant("jackknife: one group too many", "study/metrics.py", "(groups - 1) ** 0.5", "groups**0.5"),
    Mutant("training: the rate of the step's end", "training.py", "rate(run.images / plan.images)", "rate((run.images + len(x0)) / plan.images)"),
    Mutant("training: gradients never emptied", "training.py", "    run.optimizer.zero_grad()\n", ""),
    Mutant("training: the average a step behind", "training.py", "run.steps / (run.steps + 9)", "(run.steps - 1) / (run.steps + 8)"),
    Mutant("processes: each the mean of its own share", "training.py", "errors.sum() / len(x0)", "errors.mean()"),
    Mutant("inpainting: the mask turned round", "sampling.py", "torch.where(mask, q_sample", "torch.where(~mask, q_sample"),
    Mutant("checkpoint: clip lost", "checkpoints.py", 'config["clip"])', "None)"),
    Mutant("report: a balanced draw that is none", "study/metrics.py", "torch.randperm(len(classes), generator=generator)", "torch.arange(len(classes))"),
    Mutant("training: the rise ends below the highest rate", "training.py", "(progress + 1e-3) / (rise + 1e-3)", "(progress + 1e-3) / (rise + 2e-3)"),
    Mutant("fast: outputs left in bfloat16", "speed.py", "return out.to(xt.dtype)", "return out"),
    Mutant("net: layers in place of what comes in", "nets.py", "h = h + layer(", "h = layer("),
    Mutant("net: one group of all channels", "nets.py", "nn.GroupNorm(c // math.gcd(c, 8), c)", "nn.GroupNorm(1, c)"),
    Mutant("net: frequencies of half the range", "nets.py", "device=t.device) / half)", "device=t.device) / width)"),
    Mutant("net: sines twice", "nets.py", "[angle.sin(), angle.cos()]", "[angle.sin(), angle.sin()]"),
    Mutant("folder: EXIF not heeded", "folders.py", "image = ImageOps.exif_transpose(image)", "image = image.copy()"),
    Mutant("folder: 16 bits cut off at 8", "folders.py", "(np.asarray(image) / 257)", "np.asarray(image)"),
    Mutant("folder: colours under transparency seen", "folders.py", "if image.has_transparency_data:", "if False:"),
    Mutant("folder: cropped at the top left", "folders.py", "ImageOps.fit(image, (size, size), ", "ImageOps.fit(image, (size, size), centering=(0, 0), method="),
    Mutant("folder: padded on one side", "folders.py", "((size - width) // 2, (size - height) // 2)", "(0, 0)"),
    Mutant("folder: all left out and no word", "folders.py", "if len(left_out) > SHARE * len(names):", "if False:"),
    Mutant("folder: a change of the same length not noticed", "folders.py", "status.st_mtime_ns, ", ""),
    Mutant("folder: one draw of mirrors for all batches", "data.py", "seed * 1_000_003 + seen", "seed * 1_000_003"),
    Mutant("folder: begins anew when resumed", "training.py", "x0.batches(batch, seed, seen)", "x0.batches(batch, seed, 0)"),
    Mutant("folder: all at once", "folders.py", "paths[start : start + AT_ONCE]", "paths[start : len(paths) * (start == 0)]"),
    Mutant("preview: draws from the run's numbers", "pictures.py", "ddim, die)).xt", "ddim)).xt"),
    Mutant("preview: one place for each", "pictures.py", "    shown.update(page)", "    display(page, display_id=True)"),
    Mutant("walk: noise that grows shown as it is", "commands/sample.py", "(frame.xt / size)", "(frame.xt)"),
    Mutant("walk: standard noise where it should have grown", "commands/sample.py", "denoiser.schedule.start(randn(like.new_empty(len(part), *card[\"shape\"]), dice))", "randn(like.new_empty(len(part), *card[\"shape\"]), dice)"),
    Mutant("sample: writes over what is there", "commands/sample.py", "if target.exists():", "if False:"),
]  # fmt: skip

OWN = {  # other modules have one file, of their name
    "denoiser": ["prediction", "sampling"],
    "formula": ["prediction"],
    "training": ["training", "parallel", "folders"],
    "data": ["data", "folders"],
    "checks": ["bad_input", "sampling"],
    "calibrated": ["elbo"],
    "sample": ["pictures", "cli"],
}
LAWS = [
    "gaussian",
    "process",
    "schedule",
    "prediction",
    "elbo",
    "vae",
    "metrics",
    "nets",
    "exact",
    "coder",
    "sampling",
    "training",
    "checkpoints",
    "speed",
    "parallel",
]


def broken(mutant: Mutant, root: Path) -> str:
    """The text of the mutant's file, with its fault; SystemExit unless the piece to replace is there once."""
    text = (root / "ddpm_core" / mutant.file).read_text("utf-8")
    if (count := text.count(mutant.right)) != 1:
        raise SystemExit(f"{mutant.fault}: {mutant.file} holds {mutant.right!r} {count} times, not once")
    wrong = text.replace(mutant.right, mutant.wrong)
    compile(wrong, mutant.file, "exec")
    return wrong


def killer(mutant: Mutant, root: Path) -> str | None:
    """The test that fails with a mutant in the copy at `root`, or None."""
    path, wrong = root / "ddpm_core" / mutant.file, broken(mutant, root)
    right = path.read_bytes()
    own = OWN.get(path.stem, [path.stem])
    path.write_text(wrong, "utf-8")
    try:
        return failure(own, root) or failure([name for name in LAWS if name not in own], root)
    finally:
        path.write_bytes(right)


def failure(names: list[str], root: Path) -> str | None:
    """The first test of these modules that fails, or None."""
    tests = [f"tests/core/test_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-xq", "-o", "addopts=", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # none is needed here, and all of them take seconds to start
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False, env=env)
    if done.returncode == 0:
        return None
    if done.returncode in (4, 5):  # no such file, no test
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    found = re.search(r"^(?:FAILED|ERROR) tests/core/(\S+)", done.stdout, re.M)
    return found[1] if found else f"exit {done.returncode}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Break a formula, see a test die.")
    parser.add_argument("numbers", nargs="*", type=int, metavar="number", help="of mutants; all if none")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time")
    told = parser.parse_args()
    chosen = told.numbers or range(1, len(MUTANTS) + 1)
    if not all(1 <= number <= len(MUTANTS) for number in chosen):
        parser.error(f"numbers go from 1 to {len(MUTANTS)}")
    for mutant in MUTANTS:
        broken(mutant, ROOT)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(told.jobs) as pool:
        copies: SimpleQueue[Path] = SimpleQueue()
        kept = shutil.ignore_patterns(".venv", ".git", "runs", "my", "build", "notebooks", ".*_cache")
        for k in range(told.jobs):
            copies.put(shutil.copytree(ROOT, Path(folder) / str(k), ignore=kept))

        def test(number: int) -> str | None:
            copy = copies.get()
            try:
                return killer(MUTANTS[number - 1], copy)
            finally:
                copies.put(copy)

        survivors = 0
        print("| | fault | file | the test that dies |\n|---|---|---|---|")
        for number, found in zip(chosen, pool.map(test, chosen), strict=True):
            mutant, survivors = MUTANTS[number - 1], survivors + (found is None)
            print(f"| {number} | {mutant.fault} | {mutant.file} | {found or '**survives**'} |", flush=True)
    print(f"\n{len(chosen) - survivors} of {len(chosen)} die")
    return survivors


if __name__ == "__main__":
    sys.exit(main())
