"""Times one bootstrap resample of AUUC, Qini and Lift@30, ours and other people's, on the same rows in one run.

`python scripts/bench_bootstrap.py [REPEATS [OUT]]`; needs numpy, pandas and causalml; OUT: a JSON file for the figures. Theirs is what a resample costs in each: take the
drawn rows, sort them, compute. Ours is `cargo bench --bench bootstrap` on one thread, per model and resample
(the draw, which all models of a table share, is counted in), and on all threads for the whole table (30 cells, 5 seeds,
2,000 resamples).
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
from bench_metrics import ROOT, TARGET, draw
from causalml.metrics import auuc_score, qini_score

ROUNDS = 5


def with_pandas(d):
    """AUUC, Qini and Lift@30 as VALOR's code computes them."""
    d = d.sort_values("score", ascending=False).reset_index(drop=True)
    d.index = d.index + 1
    treated = d.treatment.cumsum()
    control = d.index.values - treated
    treated_sum = (d.outcome * d.treatment).cumsum()
    control_sum = (d.outcome * (1 - d.treatment)).cumsum()
    gain = (treated_sum / treated.replace(0, 1e-10) - control_sum / control.replace(0, 1e-10)) * d.index.values
    qini = treated_sum - control_sum * treated.iloc[-1] / control.iloc[-1]
    top = d.head(int(0.3 * len(d)))
    lift = top[top.treatment == 1].outcome.mean() - top[top.treatment == 0].outcome.mean()
    area = (qini - qini.iloc[-1] * np.arange(1, len(d) + 1) / len(d)).mean() / abs(qini.iloc[-1])
    return (gain / abs(gain.iloc[-1])).mean() - 0.5, area, lift


def with_causalml(d):
    columns = dict(outcome_col="outcome", treatment_col="treatment")
    return auuc_score(d, **columns), qini_score(d, **columns)


def milliseconds(function, d, repeats):
    rng, times = np.random.default_rng(2), []
    for _ in range(repeats):
        start = time.perf_counter()
        function(d.iloc[rng.integers(0, len(d), len(d))].reset_index(drop=True))
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def ours(path, threads, *arguments):
    command = ["cargo", "bench", "-p", "valor", "--bench", "bootstrap", "--profile", "release", "--", *arguments]
    environment = dict(os.environ, VALOR_BENCH_SCORES=str(path), RAYON_NUM_THREADS=str(threads))
    done = subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(repeats, out):
    d = draw()[["score", "treatment", "outcome"]]
    path = TARGET / "bench-bootstrap.csv"
    d.to_csv(path, index=False)
    theirs = {"pandas, all three": with_pandas, "causalml, AUUC and Qini": with_causalml}
    rounds = []
    for _ in range(ROUNDS):
        here = {"valor, all three": ours(path, 1, "--resamples", "200")["ms"]}
        rounds.append(here | {name: milliseconds(function, d, repeats) for name, function in theirs.items()})
    found = {"rows": len(d), "milliseconds per resample of a model, one thread, by round": rounds}
    print(f"{'milliseconds per resample, one model, median':46} {'theirs':>8} {'valor':>8} {'times':>7}")
    for name in theirs:
        other, here = (statistics.median(r[n] for r in rounds) for n in (name, "valor, all three"))
        times = statistics.median(r[name] / r["valor, all three"] for r in rounds)
        print(f"{name:46} {other:8.2f} {here:8.3f} {times:7.0f}")
    whole = found["whole table"] = ours(path, os.cpu_count()) | {"threads": os.cpu_count()}
    print(f"{whole['cells']} cells of 5 seeds, {whole['resamples']} resamples, {os.cpu_count()} threads: {whole['seconds']:.0f} s")
    if out:
        pathlib.Path(out).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20, sys.argv[2] if len(sys.argv) > 2 else None)
