"""Times numpy on what harness/data/benches/data.rs measures: drawing b2b-mimic at full size, and encoding it.

Needs numpy. Prints the median of five rounds in milliseconds.
"""

import statistics
import time

import numpy as np

ROWS, BINARY, CONTINUOUS = 236_421, 34, 66
BLOCKS = {"profile": (14, 26), "compute": (10, 20), "ai": (10, 20)}


def index(rng, signed, start, width, terms):
    columns = start + rng.choice(width, terms, replace=False)
    weights = rng.uniform(0.5, 1.0, terms) * rng.choice([-1.0, 1.0], terms)
    return signed[:, columns] @ (weights / np.linalg.norm(weights)).astype(np.float32)


def sigmoid(logit):
    return 1.0 / (1.0 + np.exp(-logit))


def generate(seed):
    rng = np.random.default_rng(seed)
    features = np.empty((ROWS, BINARY + CONTINUOUS), dtype=np.float32)
    signed = np.empty_like(features)
    start = 0
    for binary, continuous in BLOCKS.values():
        middle, end = start + binary, start + binary + continuous
        features[:, start:middle] = rng.integers(0, 2, (ROWS, binary), dtype=np.uint8)
        features[:, middle:end] = rng.standard_normal((ROWS, continuous), dtype=np.float32)
        signed[:, start:middle] = 2 * features[:, start:middle] - 1
        signed[:, middle:end] = features[:, middle:end]
        start = end
    account = index(rng, signed, 0, 40, 20)
    account_effect = index(rng, signed, 0, 40, 8)
    compute = index(rng, signed, 40, 30, 12)
    ai = index(rng, signed, 70, 30, 12)
    scale = 0.8 + 0.2 * np.tanh(index(rng, signed, 40, 30, 6))
    prognosis = (account + 0.6 * compute + 0.5 * account * compute) / np.sqrt(1.61)
    effect = 0.8 * ai + 0.8 * account_effect * ai + 0.3 * np.tanh(account_effect)
    effect -= np.mean(effect * prognosis) * prognosis
    lift = 0.3 * prognosis + np.sqrt(1 - 0.3**2) * effect / effect.std()
    logits = [-0.6 + 0.9 * prognosis, -0.35 + 0.9 * prognosis + 0.6 * lift]
    means = [3.0 + 0.5 * prognosis, 3.1 + 0.5 * prognosis + 0.3 * lift]
    conversion = [0.45 * sigmoid(logit) for logit in logits]
    expected = [p * np.exp(m + 0.5 * scale**2) for p, m in zip(conversion, means)]
    treated = rng.random(ROWS) < 0.5
    spends = rng.random(ROWS) < np.where(treated, conversion[1], conversion[0])
    size = np.exp(np.where(treated, means[1], means[0]) + scale * rng.standard_normal(ROWS))
    return features, treated, np.where(spends, size, 0.0), expected[1] - expected[0]


def encode(features, train):
    chosen = features[train]
    mean = chosen.mean(axis=0, dtype=np.float64).astype(np.float32)
    sd = chosen.std(axis=0, dtype=np.float64).astype(np.float32)
    return (features - mean) / np.where(sd > 0, sd, 1)


def milliseconds(work):
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        rounds.append(1000 * (time.perf_counter() - start))
    return statistics.median(rounds)


def main():
    features, _, outcome, effect = generate(1)
    print(f"zeros {np.mean(outcome == 0):.3f}, average effect {effect.mean():.2f}")
    train = np.sort(np.random.default_rng(0).permutation(ROWS)[: int(0.8 * ROWS)])
    print(f"generate b2b-mimic: {milliseconds(lambda: generate(1)):.0f} ms")
    print(f"fit and encode: {milliseconds(lambda: encode(features, train)):.0f} ms")


if __name__ == "__main__":
    main()
