"""The search for a baseline worth beating (docs/methods/search.md): trains one setting and prints its true AUUC per world.

    pip install torch numpy pyarrow && python scripts/search/explore.py 'rs=2 ru=2 l1=.0015 K=4 rot=1' b2b-mimic:101 b2b-mimic:102 production-sim:101

Needs `target/release/valor` (or VALOR), which exports the rows: 32,000 for training (data seed 1), 60,000 others of the same world for the score
(data seed 999). The truth scores and is used for nothing else, except with --told-columns, which is a bound and no method.
A setting is a list of key=value; what is left out has the value in DEFAULT. `form=shared` is the method, `form=free` the other forms that were
tried: linear terms, products of rank r per output (free logit, log-mean and effects on both), shared quadratic indices q, a network of widths h.
"""

import argparse
import ast
import math
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import elu, logsigmoid, softplus

ROOT = Path(__file__).resolve().parents[2]
VALOR = os.environ.get("VALOR", ROOT / "target/release/valor")
DEFAULT = dict(form="shared", rs=2, ru=2, l1=.0015, ed=1., l1b=1., init=.03, dev=0, h=(), r=0, l1h=.5, nolin=0, base_only=0, wd=0., centre=0, ramp=0.,
               K=1, rot=0, epochs=25, lr=.01, batch=2048)


def export(dataset, rows, seed, folder):
    """The rows of a world as a matrix of features, then treatment, outcome, effect, expected outcomes of control and treated."""
    import pyarrow.parquet as parquet
    name, number = dataset.split(":")
    path = folder / f"{name}-{number}-{rows}-{seed}.parquet"
    if not path.exists():
        subprocess.run([VALOR, "data", "export", name, "--set", f"world={number}", "--set", f"seed={seed}", "--rows", str(rows), "--out", path], check=True)
    table = parquet.read_table(path)
    return np.stack([np.asarray(table[c].to_numpy(), dtype=np.float64) for c in table.column_names], 1)


def world(dataset, rows, folder):
    """Standardised features (mean and SD of the training rows; a missing value is the mean, with one indicator per pattern of absence)."""
    train, test = export(dataset, rows, 1, folder), export(dataset, 60_000, 999, folder)
    X, Xt = train[:, :-5], test[:, :-5]
    gaps = np.isnan(X)
    if gaps.any():
        columns = np.flatnonzero(gaps.any(0))
        _, first = np.unique(gaps[:, columns], axis=1, return_index=True)
        columns = columns[np.sort(first)]
        mean = np.nanmean(X, 0)
        X, Xt = (np.hstack([np.where(np.isnan(a), mean, a), np.isnan(a[:, columns])]) for a in (X, Xt))
    mean, sd = X.mean(0), X.std(0)
    sd[sd == 0] = 1
    tensor = lambda a: torch.tensor(a, dtype=torch.float32)
    return dict(X=tensor((X - mean) / sd), t=tensor(train[:, -5]), y=tensor(train[:, -4]), Xt=tensor((Xt - mean) / sd), effect=test[:, -3], control=test[:, -2], treated=test[:, -1])


def auuc_true(score, effect):
    """auuc.true of docs/methods/metrics.md: ties share their effects."""
    order = np.argsort(-score, kind="stable")
    score, effect = score[order], effect[order]
    starts = np.flatnonzero(np.r_[True, score[1:] != score[:-1]])
    sizes = np.diff(np.r_[starts, len(score)])
    total = np.cumsum(np.repeat(np.add.reduceat(effect, starts) / sizes, sizes))
    return (total.mean() - total[-1] / 2) / abs(total[-1])


class Network(torch.nn.Module):
    """K members in one pass; puts out logit, log-mean and the effects on both, [K, rows, 4], and sigma [K]."""

    def __init__(self, d, c, seed, start):
        super().__init__()
        g = torch.Generator().manual_seed(seed)
        P, K = torch.nn.Parameter, c["K"]
        normal = lambda *shape: P(torch.randn(*shape, generator=g) * c["init"])
        uniform = lambda *shape: P((torch.rand(*shape, generator=g) * 2 - 1) / math.sqrt(shape[1]))
        self.c, self.free = c, c["form"] == "free"
        offset = torch.zeros(K, 4)
        offset[:, 0], offset[:, 1] = start["logit"], start["mean"]
        self.offset, self.rho = P(offset), P(torch.full((K,), start["rho"]))
        R = 4 * c["r"] if self.free else c["rs"] + c["ru"]
        self.A, self.B = normal(K, d, R), normal(K, d, R)
        self.a, self.b = P(torch.zeros(K, R)), P(torch.zeros(K, R) if self.free else torch.ones(K, R))
        self.slope = P(torch.full((K, 2), .7))
        self.linear = P(torch.zeros(K, d, 4))
        if c["h"]:
            widths = [d, *c["h"]]
            self.W = torch.nn.ParameterList([uniform(K, i, o) for i, o in zip(widths, widths[1:])])
            self.w = torch.nn.ParameterList([P(torch.zeros(K, 1, o)) for o in widths[1:]])
            self.out = uniform(K, widths[-1], 4)

    def forward(self, x):
        c, x = self.c, x.expand(self.c["K"], *x.shape)
        left, right = x @ self.A, x @ self.B + self.b[:, None]
        if self.free:
            products = (left + self.a[:, None]) * right
            o = products.view(*products.shape[:2], 4, c["r"]).sum(-1) if c["r"] else 0
            o = o + self.offset[:, None] + (0 if c["nolin"] else x @ self.linear)
        else:
            scores = left * right
            s, u = scores[..., :c["rs"]].sum(-1), scores[..., c["rs"]:].sum(-1)
            k, g = self.slope[:, None, 0], self.slope[:, None, 1]
            o = torch.stack([s, k * s, u, g * u], -1) + self.offset[:, None]
            if c["dev"]:
                o = o + x @ self.linear * torch.tensor([0., 1., 0., 1.])
        if c["h"]:
            hidden = x
            for W, w in zip(self.W, self.w):
                hidden = elu(hidden @ W + w)
            o = o + hidden @ self.out * torch.tensor([1., 1., 0., 0.] if c["base_only"] else [1.] * 4)
        return o, softplus(self.rho) + 1e-4

    def penalty(self):
        c = self.c
        per_index = [1.] * (2 * c["r"]) + [c["ed"]] * (2 * c["r"]) if self.free else [1.] * c["rs"] + [c["ed"]] * c["ru"]
        p = ((self.A.abs().sum(1) + c["l1b"] * self.B.abs().sum(1)) * torch.tensor(per_index)).sum()
        if self.free and not c["nolin"]:
            p = p + self.linear.abs().sum()
        if c["dev"]:
            p = p + 2 * self.linear.abs().sum()
        if c["h"]:
            p = p + c["l1h"] * self.W[0].abs().sum()
        return c["l1"] * p

    def arms(self, o):
        l, m, dl, dm = o.unbind(-1)
        h = .5 if self.c["centre"] else 0
        return (l - h * dl, m - h * dm), (l + (1 - h) * dl, m + (1 - h) * dm)


def likelihood(net, x, t, y):
    """Negative log-likelihood per row and member: zero-inflated log-normal, observed arm (without the constant)."""
    o, sigma = net(x)
    (l0, m0), (l1, m1) = net.arms(o)
    l, m = torch.where(t > 0, l1, l0), torch.where(t > 0, m1, m0)
    bought = (y > 0).float()
    z = (torch.log(y.clamp_min(1e-9)) - m) / sigma[:, None]
    return softplus(l) - bought * l + bought * (z * z / 2 + torch.log(sigma)[:, None])


def fit(D, c, seed=0):
    X, t, y, K = D["X"], D["t"], D["y"], c["K"]
    g = torch.Generator().manual_seed(1000 + seed)
    n, tenth = len(X), len(X) // 10
    order, held = torch.randperm(n, generator=g), torch.zeros(K, n, dtype=torch.bool)
    for k in range(K):
        j = k % 10 if c["rot"] else 0
        held[k, order[j * tenth:(j + 1) * tenth]] = True
    train, rows, judged = (~held).float(), torch.where((~held).any(0))[0], torch.where(held.any(0))[0]
    log_y = torch.log(y[y > 0])
    q, s = (y > 0).float().mean().item(), log_y.std().item()
    net = Network(X.shape[1], c, seed, dict(logit=math.log(q / (1 - q)), mean=log_y.mean().item(), rho=math.log(math.expm1(s))))
    optimiser = torch.optim.Adam(net.parameters(), lr=c["lr"], weight_decay=c["wd"])
    steps, step = c["epochs"] * math.ceil(len(rows) / c["batch"]), 0
    best, best_epoch, kept = torch.full((K,), math.inf), torch.zeros(K), [p.detach().clone() for p in net.parameters()]
    for epoch in range(c["epochs"]):
        shuffled = rows[torch.randperm(len(rows), generator=g)]
        for i in range(0, len(rows), c["batch"]):
            for group in optimiser.param_groups:
                group["lr"] = c["lr"] * min(1, (step + 1) / 50) * .5 * (1 + math.cos(math.pi * step / steps))
            b = shuffled[i:i + c["batch"]]
            w = train[:, b]
            ramp = min(1, step / (c["ramp"] * steps)) if c["ramp"] else 1
            loss = ((likelihood(net, X[b], t[b], y[b]) * w).sum(1) / w.sum(1)).sum() + ramp * net.penalty()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
        with torch.no_grad():
            h = held[:, judged].float()
            value = (likelihood(net, X[judged], t[judged], y[judged]) * h).sum(1) / h.sum(1)
            better = value < best
            best, best_epoch[better] = torch.where(better, value, best), epoch + 1.
            for a, p in zip(kept, net.parameters()):
                a[better] = p.detach()[better]
    with torch.no_grad():
        for a, p in zip(kept, net.parameters()):
            p.copy_(a)
    return net, best, best_epoch


def expectations(net, X):
    """E_0, E_1: [K, rows, 2]."""
    parts = []
    with torch.no_grad():
        for i in range(0, len(X), 8192):
            o, sigma = net(X[i:i + 8192])
            parts.append(torch.stack([torch.exp((logsigmoid(l) + m + sigma[:, None] ** 2 / 2).clamp_max(30)) for l, m in net.arms(o)], -1))
    return torch.cat(parts, 1).double().numpy()


def columns_that_matter(D):
    """For the bound only: from the true expectations. A linear term beyond 5 standard errors or a product, beside the linear fit, beyond 6."""
    X, kept = D["Xt"].numpy().astype(np.float64)[:30_000], set()
    for target in (np.log(D["treated"] / D["control"]), np.log(D["control"])):
        f = target[:30_000] - target[:30_000].mean()
        b = np.linalg.lstsq(X, f, rcond=None)[0]
        rest = f - X @ b
        z = b * math.sqrt(len(X)) / rest.std()
        products = (X * rest[:, None]).T @ X / math.sqrt(len(X)) / rest.std()
        np.fill_diagonal(products, 0)
        kept |= set(np.flatnonzero((abs(z) > 5) | (abs(products).max(1) > 6)).tolist())
    return sorted(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting")
    parser.add_argument("worlds", nargs="+")
    parser.add_argument("--rows", type=int, default=32_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--told-columns", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/search")
    a = parser.parse_args()
    a.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    given = dict(pair.split("=") for pair in a.setting.split())
    unknown = set(given) - set(DEFAULT)
    if unknown:
        parser.error(f"unknown keys {sorted(unknown)}; known are {sorted(DEFAULT)}")
    c = dict(DEFAULT, **{k: v if k == "form" else ast.literal_eval(v) for k, v in given.items()})
    print("world,auuc.true,mean of single members,oracle,by true E0,validation,epoch,columns,seconds")
    for name in a.worlds:
        D, start = world(name, a.rows, a.folder), time.time()
        if a.told_columns:
            kept = columns_that_matter(D)
            D["X"], D["Xt"] = D["X"][:, kept], D["Xt"][:, kept]
        net, best, epoch = fit(D, c, a.seed)
        E = expectations(net, D["Xt"])
        u = E[..., 1] - E[..., 0]
        single = np.mean([auuc_true(v, D["effect"]) for v in u])
        print(f"{name},{auuc_true(u.mean(0), D['effect']):.4f},{single:.4f},{auuc_true(D['effect'], D['effect']):.4f},{auuc_true(D['control'], D['effect']):.4f},"
              f"{best.mean():.5f},{epoch.mean():.1f},{D['X'].shape[1]},{time.time() - start:.0f}", flush=True)


if __name__ == "__main__":
    main()
