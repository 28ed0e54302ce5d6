#!/usr/bin/env bash
# Checks a prebuilt valor on a machine with a GPU, against the libtorch inside a Python torch 2.11, and writes OUT:
#
#   1. experiments/smoke.toml on the CPU and on the GPU (48 steps): the loss curves agree to 1e-3 (relative where above 1)
#   2. training steps of every network, here and in PyTorch eager, for one replicate and five (needs STEP)
#   3. Table 2 on the GPU for at most MINUTES: standard profile, then full. What is finished is kept in RESULTS, and the
#      next call goes on
#
#   scripts/gpu_check.sh [VALOR [OUT]]    VALOR: target/release/valor; OUT: results/published/gpu/DATE.json
#   PYTHON=python3                        the Python that has torch
#   STEP=PATH                             the program of `cargo bench --bench step --no-run`; without it 2 is left out
#   MINUTES=5                             for 3; 0 leaves it out
#   RESULTS=results                       the store of 3
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
valor=${1:-target/release/valor}
out=${2:-results/published/gpu/$(date -u +%F).json}
python=${PYTHON:-python3}
minutes=${MINUTES:-5}
results=${RESULTS:-results}

LIBTORCH=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
export LIBTORCH LD_LIBRARY_PATH=$LIBTORCH/lib:${LD_LIBRARY_PATH:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$valor" doctor | tee "$scratch/doctor.txt"
for device in cpu cuda; do
    "$valor" run experiments/smoke.toml --set training.epochs=4 --device "$device" --results "$scratch/$device"
done

if [ -n "${STEP:-}" ]; then
    for network in s-learner t-learner tarnet dragonnet cfr-wass cfr-mmd unite euen efin; do
        "$python" scripts/bench_pytorch.py --device cuda --steps 40 --networks "$network" > "$scratch/pytorch-$network.json"
        "$STEP" --device cuda --networks "$network" > "$scratch/valor-$network.json"
    done
fi

started=$SECONDS
for profile in standard full; do
    left=$((minutes * 60 - (SECONDS - started)))
    [ "$left" -gt 10 ] || break
    # Stopped like by Ctrl-C: finished runs are kept.
    timeout --signal=INT --kill-after=30 "$left" \
        "$valor" run experiments/table2.toml --profile "$profile" --device cuda --results "$results" || true
done
"$valor" status experiments/table2.toml --profile standard --results "$results" --json > "$scratch/status.json" || true

mkdir -p "$(dirname "$out")"
"$python" - "$scratch" "$out" "$((SECONDS - started))" <<'PYTHON'
import json, pathlib, sys

scratch, out = map(pathlib.Path, sys.argv[1:3])
TOLERANCE = 1e-3


def records(device):
    found = (json.loads(path.read_text()) for path in sorted(scratch.glob(f"{device}/runs/*/record.json")))
    return {record["id"]: record for record in found}


def steps(side):
    found = {}
    for path in sorted(scratch.glob(f"{side}-*.json")):
        found |= json.loads(path.read_text())["median_ms"]
    return found


cpu, cuda = records("cpu"), records("cuda")
if not cpu or cpu.keys() != cuda.keys():
    sys.exit(f"{len(cpu)} runs on the CPU, {len(cuda)} on the GPU: expected the same ones")
differences = []
for id, record in cpu.items():
    for left, right in zip(record["epochs"], cuda[id]["epochs"], strict=True):
        differences.append(abs(left["total"] - right["total"]) / max(1.0, abs(left["total"])))
seconds = {
    name: sum(record["measured"]["train_seconds"] for record in runs.values())
    for name, runs in [("cpu", cpu), ("cuda", cuda)]
}
ours, pytorch = steps("valor"), steps("pytorch")
status = scratch / "status.json"
figures = dict(
    experiment="smoke", runs=len(cpu), epochs=len(differences), tolerance=TOLERANCE,
    largest_loss_difference=max(differences), train_seconds=seconds,
    devices=sorted({r["measured"]["device"] for r in [*cpu.values(), *cuda.values()]}),
    step_ms=dict(valor=ours, pytorch=pytorch),
    pytorch_over_valor={key: round(pytorch[key] / ours[key], 2) for key in ours if key in pytorch},
    table2_seconds=int(sys.argv[3]),
    table2_standard=json.loads(status.read_text()) if status.exists() and status.read_text().strip() else None,
    doctor=(scratch / "doctor.txt").read_text().splitlines(),
)
out.write_text(json.dumps(figures, indent=2) + "\n")
print(f"{out}: largest difference of an epoch's loss {max(differences):.2e}")
sys.exit(0 if max(differences) <= TOLERANCE else "the loss curves differ by more than 1e-3")
PYTHON
