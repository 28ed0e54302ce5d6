#!/usr/bin/env python3
"""Writes data/draws.csv: draws of which nothing is known, for experiments/ltv_bias.toml.

    python3 scripts/draws.py [COUNT]        1,000,000 where absent

Outcomes are 0 with probability .8, else exp(-.12 + z), z standard normal; `one` is the same in every row. Every draw stands there twice: in
period 0 to be learned from and in period 1 to be judged on, so that both have the same mean. `expected` is the mean of the law.
"""

import math
import random
import sys
from pathlib import Path

count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
draw = random.Random(1)
expected = 0.2 * math.exp(-0.12 + 0.5)
outcomes = [f"{math.exp(-0.12 + draw.gauss(0, 1)):.9g}" if draw.random() < 0.2 else "0" for _ in range(count)]
path = Path(__file__).resolve().parents[1] / "data/draws.csv"
path.parent.mkdir(exist_ok=True)
with open(path, "w", newline="") as file:
    file.write("one,period,outcome,expected\n")
    for period in (0, 1):
        file.writelines(f"1,{period},{outcome},{expected:.9g}\n" for outcome in outcomes)
mean = sum(map(float, outcomes)) / count
print(f"{path}: {count} draws, their mean {mean:.6g}, that of the law {expected:.6g}")
