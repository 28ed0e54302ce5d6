#!/usr/bin/env bash
# Training steps here and in PyTorch, in turns, on the same threads.
#
#   scripts/bench_step.sh [THREADS [ROUNDS]]    PYTHON=python3: the Python that has torch 2.11 (not part of set-up)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
threads=${1:-1} rounds=${2:-3} python=${PYTHON:-python3}
cargo bench --profile release --bench step --no-run
for round in $(seq "$rounds"); do
    echo "== round $round, PyTorch"
    "$python" scripts/bench_pytorch.py --threads "$threads" --steps 300 --networks tarnet \
        --variants focal-ziln,focal-ziln+ranking
    echo "== round $round, valor"
    cargo bench --quiet --profile release --bench step -- "$threads"
done
