"""Times Python's shap on the forest that the bench `shap` grows and explains, in turns with it, on one core each: time that
the processor has worked.

    pip install shap==0.51.0 && python scripts/bench_shap.py [--rows 189137] [--asked 1000] [--rounds 3] [--out FILE]

A ziln-forest of 20 trees of depth 6 on b2b-mimic; both explain the uplift of the same rows by path-dependent TreeSHAP. Prints
JSON: microseconds per row of both, per round and by median, and how far their contributions are apart at most, as a share of the
largest.
"""

import argparse
import json
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import shap

sys.path.insert(0, str(Path(__file__).resolve().parent / "fixtures"))
from tree_shap import explainer, exported  # noqa: E402

PASSES = 3


def python_round(found):
    """Microseconds per row, and contributions."""
    rows, explained, times = np.array(found["asked"]), explainer(found["trees"]), []
    for _ in range(PASSES):
        start = time.process_time()
        said = explained.shap_values(rows, check_additivity=False)
        times.append((time.process_time() - start) * 1e6 / len(rows))
    return statistics.median(times), said.reshape(rows.shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=189_137)
    parser.add_argument("--asked", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rounds = []
    for _ in range(asked.rounds):
        found = exported(rows=asked.rows, asked=asked.asked)
        theirs, said = python_round(found)
        ours = np.array(found["contributions"])
        rounds.append({
            "valor, microseconds per row": found["microseconds per row"], "valor, setup seconds": found["setup seconds"],
            "shap, microseconds per row": theirs, "apart at most": float(np.abs(ours - said).max() / np.abs(said).max()),
        })
    median = {key: statistics.median(turn[key] for turn in rounds) for key in rounds[0]}
    report = {
        "shap": shap.__version__, "processor": platform.processor() or platform.machine(), "rows": asked.rows,
        "columns": found["columns"], "trees": len(found["trees"]), "depth": found["depth"], "asked": asked.asked,
        "rounds": rounds, "median": median,
        "shap_over_valor": round(median["shap, microseconds per row"] / median["valor, microseconds per row"], 2),
    }
    text = json.dumps(report, indent=1)
    print(text)
    if asked.out:
        asked.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
