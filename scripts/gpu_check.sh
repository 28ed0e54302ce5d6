#!/usr/bin/env bash
# Checks a prebuilt valor on a machine with a GPU, against the libtorch inside a Python torch 2.11: trains
# experiments/smoke.toml on the CPU and on the GPU (48 steps), compares the loss curves (relative where above 1), and
# writes the figures to OUT.
#
#   scripts/gpu_check.sh [VALOR [OUT]]    VALOR: target/release/valor; OUT: results/published/gpu/DATE.json
#   PYTHON=python3                        the Python that has torch
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
valor=${1:-target/release/valor}
out=${2:-results/published/gpu/$(date -u +%F).json}
python=${PYTHON:-python3}
experiment=experiments/smoke.toml

LIBTORCH=$("$python" -c 'import os, torch; print(os.path.dirname(torch.__file__))')
export LIBTORCH LD_LIBRARY_PATH=$LIBTORCH/lib:${LD_LIBRARY_PATH:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$valor" doctor | tee "$scratch/doctor.txt"
for device in cpu cuda; do
    "$valor" run "$experiment" --set training.epochs=4 --device "$device" --results "$scratch/$device"
done

mkdir -p "$(dirname "$out")"
"$python" - "$scratch" "$out" <<'PYTHON'
import json, pathlib, sys

scratch, out = map(pathlib.Path, sys.argv[1:])
TOLERANCE = 1e-3


def records(device):
    found = (json.loads(path.read_text()) for path in sorted(scratch.glob(f"{device}/runs/*/record.json")))
    return {record["id"]: record for record in found}


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
figures = dict(
    experiment="smoke", runs=len(cpu), epochs=len(differences), tolerance=TOLERANCE,
    largest_loss_difference=max(differences), train_seconds=seconds,
    devices=sorted({r["measured"]["device"] for r in [*cpu.values(), *cuda.values()]}),
    doctor=(scratch / "doctor.txt").read_text().splitlines(),
)
out.write_text(json.dumps(figures, indent=2) + "\n")
print(f"{out}: largest difference of an epoch's loss {max(differences):.2e}")
sys.exit(0 if max(differences) <= TOLERANCE else "the loss curves differ by more than 1e-3")
PYTHON
