"""Times LightGBM's boosted trees on what the bench `gbdt` measures, in turns with it.

    pip install lightgbm==4.7.0 && python scripts/bench_gbdt.py [--rows 1000000] [--columns 60] [--rounds 100] [--turns 3] [--out FILE]

Both learn from the same rows (the bench writes them) with two threads, squared error, equal depth (6), leaves (64), rounds, learning rate, rows per leaf
and bins (255), each bins included. Prints JSON: seconds of each turn, medians, and valor's seconds over LightGBM's, which are to be 2 at most.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import lightgbm
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
THREADS = 2


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.f32")
        words = ["--rows", asked.rows, "--columns", asked.columns, "--rounds", asked.rounds, "--write", path]
        command = ["cargo", "bench", "--quiet", "--profile", "release", "--bench", "gbdt", "--", *map(str, words)]
        for _ in range(asked.turns):
            environment = os.environ | {"RAYON_NUM_THREADS": str(THREADS)}
            text = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment).stdout
            bench = json.loads(text[text.index("{"):])
            table = np.fromfile(path, np.float32).reshape(asked.rows, asked.columns + 1)
            x, y = np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.float64)
            settings = dict(
                objective="regression", num_leaves=64, max_depth=6, learning_rate=0.1, min_data_in_leaf=20, lambda_l2=0, max_bin=255,
                min_data_in_bin=1, feature_pre_filter=False, verbose=-1, num_threads=THREADS)
            start = time.perf_counter()
            model = lightgbm.train(settings, lightgbm.Dataset(x, y, params=settings), asked.rounds)
            seconds = time.perf_counter() - start
            error = float(np.sqrt(np.mean((model.predict(x[:100_000]) - y[:100_000]) ** 2)))
            turns.append(dict(valor=bench["seconds"], lightgbm=seconds, valor_rmse=bench["rmse"], lightgbm_rmse=error))
    ratio = statistics.median(turn["valor"] / turn["lightgbm"] for turn in turns)
    report = dict(
        lightgbm=lightgbm.__version__, rows=asked.rows, columns=asked.columns, rounds=asked.rounds, threads=THREADS,
        date=time.strftime("%Y-%m-%d"), turns=turns, valor_over_lightgbm=round(ratio, 2))
    text = json.dumps(report, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
