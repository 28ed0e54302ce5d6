"""Compares the forests of experiments/forests.toml with EconML's causal forest on the same rows.

    pip install econml==0.17.0 pandas scipy && python scripts/compare_econml.py [--out FOLDER] [--jobs 2] [--keep FOLDER]

Needs the runs (`valor run experiments/forests.toml`). For every dataset and seed econml.dml.CausalForestDML (its defaults; and
once with 20 trees of depth 6, the preset `paper`) learns from the rows that are no test rows and is asked about the test rows;
categories are one column per level. Its nuisances are those of valor: two folds, a forest of 50 trees of depth 8 for the outcome
(EconML would search a grid of forests and linear models), and the treated share, as treatment was drawn by a coin. All seeds share one split, so that two forests of one program differ by their
seed alone. EconML's predictions are kept where --keep says, so that a call that was ended can go on.

Writes econml.csv and econml.md: per dataset and forest the rank correlation (Spearman, mean over pairs) with the same program's
forests of other seeds and with EconML's forests under the same settings, and metrics of `valor metrics` (mean and SD over seeds).
econml.json says with what it was made.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import tempfile
import time
from pathlib import Path

import econml
import numpy as np
import pandas as pd
import scipy
import sklearn
from econml.dml import CausalForestDML
from scipy.stats import spearmanr
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestRegressor

ROOT = Path(__file__).resolve().parents[1]
VALOR = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/valor"
EXPERIMENT = "experiments/forests.toml"
TRUTH = ["treatment", "outcome", "effect", "expected_control", "expected_treated"]
METRICS = ["auuc.true", "krcc", "auuc", "qini"]
PAPER, DEFAULT = "EconML, 20 trees of depth 6", "EconML"
FORESTS = {PAPER: dict(n_estimators=20, max_depth=6), DEFAULT: {}}
# Forests with the settings of one of EconML's are compared with that one, all others with its defaults.
COUNTERPARTS = {"Causal Forest": PAPER, PAPER: PAPER}


def call(*words):
    done = subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True, cwd=ROOT)
    return done.stdout


def grow(options, table, test, seed, jobs):
    """EconML's effects of the test rows."""
    x = pd.get_dummies(table.drop(columns=TRUTH, errors="ignore")).to_numpy(np.float64)
    train = np.setdiff1d(np.arange(len(table)), test)
    columns = min(1.0, (np.ceil(x.shape[1] ** 0.5) + 20) / x.shape[1])
    expected = RandomForestRegressor(50, max_depth=8, min_samples_leaf=5, max_features=columns, n_jobs=jobs, random_state=seed)
    forest = CausalForestDML(
        model_y=expected, model_t=DummyClassifier(), discrete_treatment=True, random_state=seed, n_jobs=jobs, **options)
    forest.fit(table.outcome.to_numpy()[train], table.treatment.to_numpy()[train], X=x[train])
    return pd.Series(forest.effect(x[test]).ravel(), test)


def kept(keep, name, fresh):
    """Scores of the test rows, read again where an earlier call kept them."""
    path = keep / f"{name.replace(' ', '_')}.csv" if keep else None
    if path and path.exists():
        return pd.read_csv(path, index_col=0).iloc[:, 0]
    scores = fresh()
    if path:
        keep.mkdir(parents=True, exist_ok=True)
        scores.to_csv(path)
    return scores


def judge(folder, rows, score):
    """Metrics of one score."""
    path = folder / "scores.csv"
    known = rows[[name for name in TRUTH if name in rows]].assign(score=score.to_numpy())
    known.to_csv(path, index=False)
    words = ["--score", "score", "--treatment", "treatment", "--outcome", "outcome", "--json"]
    effect = ["--effect", "effect"] if "effect" in rows else []
    found = json.loads(call(VALOR, "metrics", path, *words, *effect))
    return {name: found[name] for name in METRICS if isinstance(found.get(name), (int, float))}


def likeness(scores, others):
    """Mean rank correlation of two groups of forests; of forests with themselves under other seeds if the groups are one."""
    pairs = itertools.combinations(scores, 2) if scores is others else itertools.product(scores, others)
    found = [spearmanr(one, other).statistic for one, other in pairs]
    return round(float(np.mean(found)), 3)


def compare(folder, dataset, found, table):
    """A row per forest."""
    rows = []
    for method, by_seed in found.items():
        scores = list(by_seed.values())
        metrics = pd.DataFrame([judge(folder, table.iloc[score.index], score) for score in scores])
        counterpart = COUNTERPARTS.get(method, DEFAULT)
        own = method == counterpart
        row = dict(dataset=dataset, forest=method, seeds=len(scores), spearman_other_seeds=likeness(scores, scores))
        row["counterpart"] = "" if own else counterpart
        row["spearman_counterpart"] = "" if own else likeness(scores, list(found[counterpart].values()))
        for name in METRICS:
            if name in metrics:
                row |= {name: round(metrics[name].mean(), 4), f"{name}_sd": round(metrics[name].std(), 4)}
        rows.append(row)
    return rows


def markdown(table):
    """The same for people: mean (SD)."""
    lines = ["| dataset | forest | with other seeds | with EconML's | " + " | ".join(METRICS) + " |", "| --- " * (4 + len(METRICS)) + "|"]
    for row in table.to_dict("records"):
        cells = [row["dataset"], row["forest"], f"{row['spearman_other_seeds']:.3f}"]
        cells.append("" if row["spearman_counterpart"] == "" else f"{row['spearman_counterpart']:.3f}")
        for name in METRICS:
            known = name in row and not pd.isna(row[name])
            cells.append(f"{row[name]:.3f} ({row[name + '_sd']:.3f})" if known else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "results/published/forests")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder for EconML's predictions, so that a call goes on where another was ended")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        call(VALOR, "report", EXPERIMENT, "--out", folder / "report", "--predictions", "csv")
        said = pd.read_csv(folder / "report/predictions.csv")
        for dataset in said.dataset.unique():
            call(VALOR, "data", "export", EXPERIMENT, "--dataset", dataset, "--out", folder / "rows.csv")
            table, found = pd.read_csv(folder / "rows.csv"), {}
            for (method, seed), part in said[said.dataset == dataset].groupby(["method", "seed"], sort=False):
                found.setdefault(method, {})[seed] = part.set_index("row").uplift
            first = next(iter(found.values()))
            for name, options in FORESTS.items():
                found[name] = {}
                for seed, scores in first.items():
                    start = time.perf_counter()
                    fresh = lambda: grow(options, table, scores.index.to_numpy(), seed, asked.jobs)
                    found[name][seed] = kept(asked.keep, f"{dataset}, {name}, {seed}", fresh)
                    print(f"{dataset}, {name}, seed {seed}: {time.perf_counter() - start:.0f} s", flush=True)
            rows += compare(folder, dataset, found, table)
            result = pd.DataFrame(rows)
            result.to_csv(asked.out / "econml.csv", index=False)
            (asked.out / "econml.md").write_text(markdown(result))
    facts = dict(date=time.strftime("%Y-%m-%d"), processor=processor(), econml=econml.__version__, python=platform.python_version())
    facts |= dict(numpy=np.__version__, scipy=scipy.__version__, scikit_learn=sklearn.__version__, experiment=EXPERIMENT)
    (asked.out / "econml.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(markdown(result))


if __name__ == "__main__":
    main()
