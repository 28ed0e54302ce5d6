#!/usr/bin/env bash
# Training steps of every network, here and in PyTorch eager, in turns on the same threads; writes every figure of every
# round and the medians of the ratios.
#
#   scripts/bench_step.sh [THREADS [ROUNDS [OUT]]]    PYTHON=python3: the Python that has torch 2.11 (not part of set-up)
#                                                     NETWORKS="tarnet efin": some networks only; of one arm mlp, opt-dist, cc-or-net
#                                                     BATCH=2048: rows of a step, 512 unless set; STEPS=40: steps that are timed
#                                                     OUT: results/published/bench/step-DATE.json
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
threads=${1:-1} rounds=${2:-3} out=${3:-results/published/bench/step-$(date -u +%F).json} python=${PYTHON:-python3} batch=${BATCH:-512} steps=${STEPS:-40}
networks=${NETWORKS:-s-learner t-learner tarnet dragonnet cfr-wass cfr-mmd unite euen efin}
scratch=$(mktemp -d)
echo "figures of every round are kept in $scratch until they are written" >&2
cargo bench --profile release --bench step --no-run
for round in $(seq "$rounds"); do
    for network in $networks; do
        echo "round $round, $network" >&2
        variants=base,valor
        [[ $network != tarnet ]] || variants+=,focal-ziln,focal-ziln+ranking
        "$python" scripts/bench_pytorch.py --threads "$threads" --steps "$steps" --batch "$batch" --networks "$network" \
            --variants "$variants" > "$scratch/pytorch-$round-$network.json"
        cargo bench --quiet --profile release --bench step -- --threads "$threads" --steps "$steps" --batch "$batch" --networks "$network" \
            > "$scratch/valor-$round-$network.json"
    done
done
mkdir -p "$(dirname "$out")"
"$python" - "$scratch" "$out" <<'PYTHON'
import json, pathlib, re, statistics, sys

scratch, out = map(pathlib.Path, sys.argv[1:3])
pairs, facts = {}, {}
for path in sorted(scratch.glob("valor-*.json")):
    ours = json.loads(path.read_text()[path.read_text().index("{"):])
    theirs = json.loads((scratch / path.name.replace("valor-", "pytorch-")).read_text())
    facts = dict(torch=theirs["torch"], device=theirs["device"], threads=ours["threads"], batch=ours["batch"])
    for key, milliseconds in ours["median_ms"].items():
        if key in theirs["median_ms"]:
            pairs.setdefault(key, []).append([milliseconds, theirs["median_ms"][key]])
ratios = {key: round(statistics.median(b / a for a, b in pair), 2) for key, pair in pairs.items()}
report = facts | dict(unit="ms per step: [valor, pytorch] per round", pairs=pairs, pytorch_over_valor=ratios)
text = json.dumps(report, indent=1)
out.write_text(re.sub(r"\[\s+([\d.]+),\s+([\d.]+)\s+\]", r"[\1, \2]", text) + "\n")
for key, ratio in ratios.items():
    print(f"{key:24} {ratio:6.2f}")
PYTHON
rm -rf "$scratch"
