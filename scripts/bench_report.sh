#!/usr/bin/env bash
# Seconds of `valor report` where two small trees were judged on three million rows, and the most memory it took.
#
#   scripts/bench_report.sh [ROWS]    ROWS=3000000 test rows; everything stands in a scratch folder, which is removed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rows=${1:-3000000} valor=$PWD/target/release/valor
[[ -x $valor ]] || { echo "bench_report.sh: no $valor: make build" >&2; exit 1; }
scratch=$(mktemp -d)
[[ -n ${KEEP:-} ]] && echo $scratch >&2 || trap "rm -rf $scratch" EXIT
mkdir "$scratch/experiments"
awk -v rows="$rows" 'BEGIN {
    srand(1); print "x,z,treatment,outcome"
    for (row = 0; row < rows * 1.04; row++) {
        x = rand(); z = rand(); treated = rand() < 0.5
        print x "," z "," treated + 0 "," (rand() < 0.1 + 0.05 * treated * x ? 20 + 100 * z * rand() : 0)
    }
}' > "$scratch/rows.csv"
cat > "$scratch/experiments/large.toml" <<'TOML'
question = "How long does a report of millions of test rows take?"
seeds = 1
baseline = "Small"
metrics = ["auuc", "qini", "lift@30"]
split = { test = 0.961538461538, seed = 1 }

[[dataset]]
name = "large"

[dataset.table]
path = "../rows.csv"
treatment = "treatment"
treated = ["1"]
control = ["0"]
outcome = "outcome"
numeric = ["x", "z"]
propensity = 0.5

[[method]]
name = "Small"
backbone = "causal-forest"
model.causal-forest = { trees = 4, depth = 3 }

[[method]]
name = "Larger"
backbone = "causal-forest"
model.causal-forest = { trees = 20, depth = 8 }
TOML
cd "$scratch"
"$valor" run experiments/large.toml >&2
command time -f '%e s wall, %U s user, %S s system, %M KiB' "$valor" report experiments/large.toml
