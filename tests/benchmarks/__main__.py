"""Speed compared with three other packages: ratios measured side by side, not seconds.

    make bench                                     all groups, on two threads
    python tests/benchmarks [GROUP ...] [--threads 2] [--rounds 7] [--out runs/bench]

Groups: steps (training and sampling steps of each package, at equal FLOPs), loop (the overhead of the
sampling loop), amount (a training step with more data), roofline (the U-Net compared with the fastest
convolution of the same run), forms (memory format, bfloat16, batch), processes (two compared with one),
quality (time to good samples), start (imports, size), lessons (seconds, memory, slowest cells), parity
(equal states from the schedulers of diffusers; nothing is timed).
The other packages come with pip install -e ".[bench]".  Where the torchvision that comes with them was built
for another torch, as beside torch's build for the CPU, they are measured without it.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

os.environ.setdefault("TORCHINDUCTOR_FREEZING", "1")  # see `fast`; read when torch is first asked to compile

import groups
import torch


def main() -> int:
    """Run the groups, and write bench.json and bench.png."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("groups", nargs="*", metavar="GROUP", default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    args = parser.parse_args()
    if unknown := set(args.groups) - set(groups.GROUPS):
        parser.error(f"no group {', '.join(sorted(unknown))}; there is {', '.join(groups.GROUPS)}")
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    target = args.out / "bench.json"
    told = json.loads(target.read_text()) if target.is_file() else {}
    for name in args.groups or groups.GROUPS:
        start = time.perf_counter()
        print(f"\n{name}", flush=True)
        rows = []
        for row in groups.GROUPS[name](args.rounds):
            rows.append(row)
            print("  " + "  ".join(f"{key} {_short(value)}" for key, value in row.items()), flush=True)
        machine = {"cpu": _cpu(), "threads": args.threads, "torch": torch.__version__}
        told[name] = {"machine": machine, "seconds": round(time.perf_counter() - start), "rows": rows}
        target.write_text(json.dumps(told, indent=1) + "\n")
    if "steps" in (args.groups or groups.GROUPS):
        _plot(told["steps"], args.out / "bench.png")
    print(f"\n{target}")
    return 0


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.processor())


def _plot(told: dict, target: Path) -> None:
    """Plot the speed at equal FLOPs of the other packages as a share of ours."""
    import matplotlib.pyplot as plt

    rows = [row for row in told["rows"] if row["package"] != "ddpm_core"]
    kinds = [(kind, what) for kind in groups.KINDS for what in ("train", "sample")]
    figure, axes = plt.subplots(figsize=(9, 3), layout="constrained")
    for k, package in enumerate(dict.fromkeys(row["package"] for row in rows)):
        heights = [next(r[w] for r in rows if r["package"] == package and r["kind"] == s) for s, w in kinds]
        axes.bar([i + (k - 1) * 0.25 for i in range(len(kinds))], heights, 0.22, label=package)
    axes.axhline(1, color="C7", lw=1)
    axes.set_xticks(range(len(kinds)), [f"{what}\n{kind}" for kind, what in kinds])
    axes.set_ylabel("time of a step / ours\n(equal FLOPs)")
    axes.set_title(f"{told['machine']['cpu']}, {told['machine']['threads']} threads", fontsize=9)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(target, dpi=150)


if __name__ == "__main__":
    sys.exit(main())
