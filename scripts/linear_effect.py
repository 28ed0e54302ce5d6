"""Writes data/linear_effect.csv: 10,000 accounts whose effect is linear in one of ten features. Standard library only.

    x0 ... x9 uniform on [-1, 1], treatment a fair coin
    outcome = 20 + 4 x1 - 2 x2 + treatment (3 + 2 x0) + N(0, 2^2), never below 0 in practice
"""

import csv
import random
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "data/linear_effect.csv"


def main():
    draw = random.Random(20261122)
    with open(OUTPUT, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow([*(f"x{index}" for index in range(10)), "treatment", "outcome", "effect"])
        for _ in range(10_000):
            x = [round(draw.uniform(-1, 1), 4) for _ in range(10)]
            treatment, effect = int(draw.random() < 0.5), 3 + 2 * x[0]
            outcome = 20 + 4 * x[1] - 2 * x[2] + treatment * effect + draw.gauss(0, 2)
            table.writerow([*x, treatment, round(max(outcome, 0.0), 4), round(effect, 6)])
    print(OUTPUT)


if __name__ == "__main__":
    main()
