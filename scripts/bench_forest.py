"""Times EconML's causal forest on what the bench `forest` measures, in turns with it, and judges both.

    pip install econml==0.17.0 pandas && python scripts/bench_forest.py [--rows 189137] [--rounds 1] [--out FILE]

Exports b2b-mimic with target/release/valor as CSV, grows econml.grf.CausalForest (20 trees of depth 6, EconML's other defaults, two
jobs) on the first rows with the residuals of the bench (`t - 1/2`, `y` less its mean), and asks it about the last 47,284.
Prints JSON: per round the bench's medians and EconML's figures under the same keys, and the ratios of the times.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import econml
import numpy as np
import pandas as pd
from econml.grf import CausalForest

ROOT = Path(__file__).resolve().parents[1]
VALOR = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/valor"
ASKED = 47_284
KNOWN = ["treatment", "outcome", "effect", "expected_control", "expected_treated"]


def call(*words):
    done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def econml_round(folder, table, seed):
    rows = len(table) - ASKED
    x = table.drop(columns=KNOWN).to_numpy(np.float64)
    train, asked = table.iloc[:rows], table.iloc[rows:]
    forest = CausalForest(n_estimators=20, max_depth=6, n_jobs=2, random_state=seed)
    start, worked = time.perf_counter(), time.process_time()
    forest.fit(x[:rows], train.treatment - 0.5, train.outcome - train.outcome.mean())
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    forest.n_jobs = 1
    start = time.process_time()
    effect = forest.predict(x[rows:])[:, 0]
    per_row = (time.process_time() - start) * 1e6 / ASKED
    asked.assign(score=effect).to_csv(folder / "scores.csv", index=False)
    found = json.loads(call(
        VALOR, "metrics", folder / "scores.csv", "--score", "score", "--treatment", "treatment", "--outcome", "outcome",
        "--effect", "effect", "--json"))
    return {
        "causal-forest, seconds": seconds, "causal-forest, CPU seconds": worked,
        "causal-forest, microseconds per row, one core": per_row,
        "causal-forest, auuc.true": found["auuc.true"], "causal-forest, krcc": found["krcc"],
    }


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=189_137)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        call(VALOR, "data", "export", "b2b-mimic", "--rows", asked.rows + ASKED, "--out", folder / "rows.csv")
        table = pd.read_csv(folder / "rows.csv")
        for seed in range(asked.rounds):
            bench = call("cargo", "bench", "--quiet", "--profile", "release", "--bench", "forest", "--", "--rows", asked.rows)
            bench = json.loads(bench[bench.index("{"):])
            rounds.append(dict(valor=bench["median"], econml=econml_round(folder, table, seed)))
    ratio = lambda key: round(statistics.median(turn["econml"][key] / turn["valor"][key] for turn in rounds), 2)
    times = [key for key in rounds[0]["econml"] if "seconds" in key]
    facts = dict(econml=econml.__version__, rows=asked.rows, columns=bench["columns"], threads=bench["threads"])
    report = facts | dict(processor=processor(), date=time.strftime("%Y-%m-%d"), rounds=rounds, econml_over_valor={key: ratio(key) for key in times})
    text = json.dumps(report, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
