"""Compares the forests of experiments/forests.toml with EconML's causal forest on the same rows.

    pip install econml==0.17.0 pandas pyarrow scipy && python scripts/compare_econml.py [--out FILE.csv]

Needs the runs (`valor run experiments/forests.toml`). For every dataset and seed econml.dml.CausalForestDML (discrete
treatment, its defaults otherwise, and once with 20 trees of depth 6) learns from the rows that are no test rows and is asked
about the test rows; categories are one column per level. Writes a row per dataset and method: rank correlation with EconML's
prediction of the same seed (Spearman, mean over seeds), that of EconML with itself under another seed, and metrics of
`valor metrics` (means over seeds).
"""

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from econml.dml import CausalForestDML
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parents[1]
VALOR = ROOT / "target/release/valor"
EXPERIMENT = "experiments/forests.toml"
TRUTH = ["treatment", "outcome", "effect", "expected_control", "expected_treated"]
METRICS = ["auuc.true", "krcc", "auuc", "qini", "lift@30"]
FORESTS = {"EconML": {}, "EconML, 20 trees of depth 6": dict(n_estimators=20, max_depth=6)}


def call(*words):
    done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def econml(options, table, test, seed):
    x = pd.get_dummies(table.drop(columns=TRUTH, errors="ignore")).to_numpy(np.float64)
    train = np.setdiff1d(np.arange(len(table)), test)
    forest = CausalForestDML(discrete_treatment=True, random_state=seed, n_jobs=2, **options)
    forest.fit(table.outcome.to_numpy()[train], table.treatment.to_numpy()[train], X=x[train])
    return forest.effect(x[test]).ravel()


def judge(folder, table, test, score):
    rows = table.iloc[test].assign(score=score)
    path = folder / "scores.csv"
    rows[[name for name in [*TRUTH, "score"] if name in rows]].to_csv(path, index=False)
    words = ["--score", "score", "--treatment", "treatment", "--outcome", "outcome", "--json"]
    found = json.loads(call(VALOR, "metrics", path, *words, *(["--effect", "effect"] if "effect" in rows else [])))["metrics"]
    return {name: value for name in METRICS if isinstance(value := found.get(name), (int, float))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "results/published/forests/econml.csv")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        call(VALOR, "report", EXPERIMENT, "--out", folder / "report", "--predictions", "parquet")
        said = pd.read_parquet(folder / "report/predictions.parquet")
        for dataset in said.dataset.unique():
            call(VALOR, "data", "export", EXPERIMENT, "--dataset", dataset, "--out", folder / "rows.parquet")
            table = pd.read_parquet(folder / "rows.parquet")
            table["treatment"] = table.treatment.astype(int)
            found = {}
            for (method, seed), part in said[said.dataset == dataset].groupby(["method", "seed"], sort=False):
                found.setdefault(method, {})[seed] = part.set_index("row").uplift
            seeds = sorted(next(iter(found.values())))
            tests = {seed: next(iter(found.values()))[seed].index.to_numpy() for seed in seeds}
            for name, options in FORESTS.items():
                found[name] = {
                    seed: pd.Series(econml(options, table, tests[seed], seed), tests[seed]) for seed in seeds
                }
            for method, scores in found.items():
                other = {seed: seeds[(place + 1) % len(seeds)] if method == "EconML" else seed for place, seed in enumerate(seeds)}
                same = [spearmanr(scores[seed], found["EconML"][other[seed]].reindex(scores[seed].index)).statistic for seed in seeds]
                metrics = [judge(folder, table, tests[seed], scores[seed].to_numpy()) for seed in seeds]
                means = {name: round(statistics.mean(one[name] for one in metrics), 4) for name in metrics[0]}
                rows.append(dict(dataset=dataset, method=method, seeds=len(seeds), spearman=round(float(np.mean(same)), 3)) | means)
                print(rows[-1], flush=True)
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(asked.out, index=False)


if __name__ == "__main__":
    main()
