#!/bin/sh
# All that needs a GPU, in one go, on a fresh machine with one NVIDIA GPU and the course's `make setup` done.
# At most eight minutes; each part has its own limit, and what fails or is late doesn't stop the rest.
#
#   sh tests/benchmarks/gpu.sh [OUT]              OUT: a folder, runs/gpu by default
#   DEVICE=cpu sh tests/benchmarks/gpu.sh [OUT]   a rehearsal on the CPU, with little of everything
#
# OUT/summary.md tells it all: the tests that are skipped elsewhere, the time and peak memory of each lesson,
# samples and images a second beside diffusers (if `make bench` installed it), 64 digits in 1,000 steps.

OUT=${1:-runs/gpu}
DEVICE=${DEVICE:-cuda}
PY=${PY:-.venv/bin/python}
mkdir -p "$OUT"

part() {  # NAME SECONDS COMMAND...: run it, keep what it prints, and say how it ended
  name=$1 most=$2
  shift 2
  begun=$(date +%s)
  timeout "$most" "$@" > "$OUT/$name.txt" 2>&1
  rc=$?
  printf '| %s | %s | %d |\n' "$name" "$([ $rc = 0 ] && echo done || echo "failed ($rc)")" $(($(date +%s) - begun)) | tee -a "$OUT/parts.md"
}

printf '| part | | seconds |\n|---|---|--:|\n' > "$OUT/parts.md"
part machine 30 "$PY" tests/benchmarks/gpu.py machine --device "$DEVICE"
part digits 90 "$PY" tests/benchmarks/gpu.py digits --device "$DEVICE"
part speed 120 "$PY" tests/benchmarks/gpu.py speed --device "$DEVICE"
part tests 120 "$PY" -m pytest -q -k "gpu or cuda" tests/core tests/teach
part lessons 120 "$PY" tests/benchmarks/gpu.py lessons --device "$DEVICE"
{ cat "$OUT/parts.md"; for name in machine digits speed lessons; do printf '\n'; grep '^|\|^[A-Z]' "$OUT/$name.txt"; done
  printf '\n'; tail -n 1 "$OUT/tests.txt"; } > "$OUT/summary.md"
cat "$OUT/summary.md"
! grep -q failed "$OUT/parts.md"
