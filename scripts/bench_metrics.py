"""Times our metrics and other people's on the same rows, in turn: `python scripts/bench_metrics.py [ROUNDS]`.

Needs numpy, pandas, scipy and causalml. Each round runs every Python function, then the criterion bench
(harness/stats/benches/metrics.rs); the table shows medians over rounds, and ours over theirs.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from causalml.metrics import auuc_score, qini_score
from scipy.stats import kendalltau

ROOT = pathlib.Path(__file__).parents[1]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
ROWS, REPEATS = 47_284, 30


def draw():
    rng = np.random.default_rng(1)
    effect = 4 + 8 * rng.normal(size=ROWS)
    treatment = rng.integers(0, 2, ROWS)
    spend = np.maximum(20 * np.exp(rng.normal(size=ROWS)) + 5 * treatment * effect, 0)
    outcome = np.where(rng.random(ROWS) < 0.2, spend, 0.0)
    score = effect + 8 * rng.normal(size=ROWS)
    return pd.DataFrame(dict(score=score, treatment=treatment, outcome=outcome, effect=effect))


def released_auuc(d):
    """VALOR's released AUUC."""
    d = d.sort_values("score", ascending=False).reset_index(drop=True)
    d.index = d.index + 1
    treated = d.treatment.cumsum()
    control = d.index.values - treated
    treated_sum = (d.outcome * d.treatment).cumsum()
    control_sum = (d.outcome * (1 - d.treatment)).cumsum()
    gain = (treated_sum / treated.replace(0, 1e-10) - control_sum / control.replace(0, 1e-10)) * d.index.values
    return (gain / abs(gain.iloc[-1])).mean()


def median_ms(function):
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def ours(path):
    command = ["cargo", "bench", "-p", "valor", "--bench", "metrics", "--profile", "release"]
    environment = dict(os.environ, VALOR_BENCH_SCORES=str(path))
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    estimates = (TARGET / "criterion").glob("*/new/estimates.json")
    return {e.parents[1].name: json.loads(e.read_text())["median"]["point_estimate"] / 1e6 for e in estimates}


def main(rounds):
    d = draw()
    path = TARGET / "bench-scores.csv"
    d.to_csv(path, index=False)
    frame, columns = d[["score", "treatment", "outcome"]], dict(outcome_col="outcome", treatment_col="treatment")
    theirs = {
        "auuc_qini_lift": ("pandas, AUUC alone", lambda: released_auuc(d)),
        "kendall": ("scipy kendalltau", lambda: kendalltau(d.score, d.effect)),
        "auuc.causalml": ("causalml auuc_score", lambda: auuc_score(frame, **columns)),
        "qini.causalml": ("causalml qini_score", lambda: qini_score(frame, **columns)),
    }
    measured = {name: ([], []) for name in theirs}
    for _ in range(rounds):
        for name, (_, function) in theirs.items():
            measured[name][1].append(median_ms(function))
        here = ours(path)
        for name in theirs:
            measured[name][0].append(here[name])
    print(f"{'milliseconds, ' + str(ROWS) + ' rows':30} {'valor':>8} {'theirs':>8} {'ratio':>7}")
    for name, (label, _) in theirs.items():
        mine, other = map(statistics.median, measured[name])
        print(f"{name + ' / ' + label:30} {mine:8.3f} {other:8.3f} {mine / other:7.3f}")
    print(f"one bootstrap resample of AUUC, Qini, Lift@30: {here['eight_resamples_auuc_qini_lift'] / 8:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
