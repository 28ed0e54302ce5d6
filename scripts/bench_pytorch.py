"""Times a training step of TARNet with a focal ZILN head in PyTorch eager: what `make bench` is compared with.

    pip install torch==2.11.0 && python scripts/bench_pytorch.py --threads 2

A step is zero_grad, forward, loss, backward, clip_grad_norm_ and Adam on a batch of 512 rows with 100 features, trunk
256-256, heads 128-128; without and with the value-weighted ranking loss over all pairs; for one replicate, and for five
one after another. Prints JSON: medians in milliseconds.
"""

import argparse
import json
import platform
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

ROWS, FEATURES, ZEROS = 512, 100, 0.8


def layers(*widths):
    pairs = zip(widths[:-1], widths[1:])
    return [layer for inputs, outputs in pairs for layer in (nn.Linear(inputs, outputs), nn.ELU())]


class Tarnet(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(*layers(FEATURES, 256, 256))
        self.heads = nn.ModuleList(nn.Sequential(*layers(256, 128, 128), nn.Linear(128, 3)) for _ in range(2))

    def forward(self, x):
        phi = self.trunk(x)
        return torch.stack([head(phi) for head in self.heads])


def focal_ziln(outputs, treatment, outcome, alpha=0.75, gamma=2.0):
    logit, mu, raw = torch.where(treatment[:, None] > 0, outputs[1], outputs[0]).unbind(1)
    p, buys, sigma = torch.sigmoid(logit), outcome > 0, (F.softplus(raw) + 1e-4).clamp(1e-4, 3.0)
    positive = -alpha * (1 - p) ** gamma * F.logsigmoid(logit)
    negative = -(1 - alpha) * p**gamma * F.logsigmoid(-logit)
    log_outcome = torch.log(torch.where(buys, outcome, 1.0))
    revenue = torch.log(sigma * (2 * torch.pi) ** 0.5) + (log_outcome - mu) ** 2 / (2 * sigma**2)
    return (torch.where(buys, positive, negative) + torch.where(buys, revenue, 0.0)).mean()


def ranking(outputs, z, unit):
    logit, mu, raw = outputs.unbind(2)
    sigma = (F.softplus(raw) + 1e-4).clamp(1e-4, 3.0)
    expected = torch.sigmoid(logit) * torch.exp(mu + sigma**2 / 2)
    score = (expected[1] - expected[0]) / unit
    gap = z[:, None] - z[None, :]
    link = F.softplus(-torch.sign(gap) * (score[:, None] - score[None, :]))
    return (torch.log1p(gap.abs()) * link).sum() / (gap != 0).sum()


class Replicate:
    def __init__(self, seed, with_ranking):
        torch.manual_seed(seed)
        self.model, self.with_ranking = Tarnet(), with_ranking
        self.adam = torch.optim.Adam(self.model.parameters(), lr=5e-4)
        self.x = torch.randn(ROWS, FEATURES)
        self.treatment = (torch.rand(ROWS) < 0.5).float()
        self.outcome = torch.where(torch.rand(ROWS) < ZEROS, 0.0, torch.exp(torch.randn(ROWS)))
        self.z = self.outcome * (self.treatment - 0.5) / 0.25

    def step(self):
        self.adam.zero_grad()
        outputs = self.model(self.x)
        loss = focal_ziln(outputs, self.treatment, self.outcome)
        if self.with_ranking:
            loss = loss + 0.1 * ranking(outputs, self.z, 10.0)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.adam.step()


def median_ms(replicates, steps):
    times = []
    for step in range(steps + 20):
        start = time.perf_counter()
        for replicate in replicates:
            replicate.step()
        times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times[20:]), 3)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cases = {
        f"{'focal-ziln+ranking' if with_ranking else 'focal-ziln'}/{count}": median_ms(
            [Replicate(seed, with_ranking) for seed in range(count)], arguments.steps
        )
        for with_ranking in (False, True)
        for count in (1, 5)
    }
    facts = dict(torch=torch.__version__, threads=arguments.threads, steps=arguments.steps, processor=processor())
    print(json.dumps(facts | dict(median_ms=cases), indent=2))


if __name__ == "__main__":
    main()
