"""Times a training step of every network in PyTorch eager: what `make bench` is compared with.

    pip install torch==2.11.0 && python scripts/bench_pytorch.py --threads 2 --networks tarnet,efin --replicates 1,5

A step is zero_grad, forward, loss, backward, clip_grad_norm_ and Adam on a batch of `--batch` rows with 100 features: trunk
256-256, heads 128-128; EFIN of rank 16; UniTE with three experts 128-128 and dropout .3. Plain PyTorch as one writes it
for one model: replicates are trained one after another. Variants:

    base                 a point head and squared error, with the network's own terms
    valor                ZILN head, focal loss, gate, log-ratio ranking over all pairs, with the network's own terms
    focal-ziln           ZILN head and focal loss
    focal-ziln+ranking   the same and the ranking

Without a treatment, `base` alone: mlp, and with heads 128-128 OptDist of four laws and CC-OR-Net of four buckets, both with their
published terms (docs/methods/ltv.md). `--batch 2048` for other batches.

Prints JSON: medians in milliseconds by NETWORK/VARIANT/REPLICATES.
"""

import argparse
import json
import platform
import statistics
import time
from types import SimpleNamespace

import torch
import torch.nn as nn
import torch.nn.functional as F

FEATURES, ZEROS, RANK, EXPERTS = 100, 0.8, 16, 3
BUCKETS, LAWS, EMBEDDING, NOISE = 4, 4, 32, 0.1
VARIANTS = {
    "base": [], "valor": ["ziln", "gate", "ranking"], "focal-ziln": ["ziln"], "focal-ziln+ranking": ["ziln", "ranking"],
}


def layers(*widths):
    pairs = zip(widths[:-1], widths[1:])
    return [layer for inputs, outputs in pairs for layer in (nn.Linear(inputs, outputs), nn.ELU())]


def mlp(*widths):
    return nn.Sequential(*layers(*widths))


def head(outputs, width=256):
    return nn.Sequential(*layers(width, 128, 128), nn.Linear(128, outputs))


class Gate(nn.Module):
    """Treatment-gated interaction, where the method has it."""

    def __init__(self, parts, width=256):
        super().__init__()
        self.used = "gate" in parts
        if self.used:
            self.features, self.treatment = nn.Linear(width, width), nn.Linear(1, width)

    def forward(self, phi, treatment):
        if not self.used:
            return phi
        return self.features(phi) * torch.sigmoid(self.treatment(phi.new_full((1, 1), treatment)))


# Networks. `forward(x, t)` says: arms, raw outputs of both [2, B, k], or observed [B, k] where that is enough; what
# contrasts compare; phi, propensity, epsilon where the network has them.


class SLearner(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        self.both = bool(parts)
        self.trunk, self.gate, self.head = mlp(FEATURES + 1, 256, 256), Gate(parts), head(outputs)

    def arm(self, x, t):
        return self.head(self.gate(self.trunk(F.pad(x, (0, 1), value=t)), t))

    def forward(self, x, t):
        if not self.both:
            return SimpleNamespace(observed=self.head(self.trunk(torch.cat([x, t[:, None]], 1))))
        return SimpleNamespace(arms=torch.stack([self.arm(x, 0.0), self.arm(x, 1.0)]))


class TLearner(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        self.trunks = nn.ModuleList(mlp(FEATURES, 256, 256) for _ in range(2))
        self.gates = nn.ModuleList(Gate(parts) for _ in range(2))
        self.heads = nn.ModuleList(head(outputs) for _ in range(2))

    def raw(self, x):
        parts = zip(self.trunks, self.gates, self.heads)
        return [head(gate(trunk(x), float(t))) for t, (trunk, gate, head) in enumerate(parts)]

    def forward(self, x, t):
        return SimpleNamespace(arms=torch.stack(self.raw(x)))


def incremented(control, increment):
    base = control.detach()
    treated = base + increment
    return SimpleNamespace(arms=torch.stack([control, treated]), contrast=torch.stack([base, treated]))


class Euen(TLearner):
    def forward(self, x, t):
        return incremented(*self.raw(x))


class Tarnet(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        self.trunk, self.gate = mlp(FEATURES, 256, 256), Gate(parts)
        self.heads = nn.ModuleList(head(outputs) for _ in range(2))

    def represent(self, x):
        return self.trunk(x)

    def forward(self, x, t):
        phi = self.represent(x)
        arms = torch.stack([head(self.gate(phi, float(t))) for t, head in enumerate(self.heads)])
        return SimpleNamespace(arms=arms, phi=phi)


class Cfr(Tarnet):
    def represent(self, x):
        return F.normalize(self.trunk(x), dim=1, eps=1e-5)


class Dragonnet(Tarnet):
    def __init__(self, parts, outputs):
        super().__init__(parts, outputs)
        self.propensity = nn.Linear(256, 1)
        if not parts:
            self.epsilon = nn.Parameter(torch.zeros(1))

    def forward(self, x, t):
        said = super().forward(x, t)
        said.propensity, said.epsilon = self.propensity(said.phi).squeeze(1), getattr(self, "epsilon", None)
        return said


class Efin(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        self.field = nn.Parameter(torch.empty(FEATURES, RANK).uniform_(-1, 1))
        self.query, self.key, self.value = (nn.Linear(RANK, RANK) for _ in range(3))
        self.treatment = nn.Parameter(torch.empty(RANK).uniform_(-1, 1))
        self.interaction, self.score = nn.Linear(RANK, RANK), nn.Linear(RANK, 1)
        self.trunks = nn.ModuleList([mlp(FEATURES * RANK, 256, 256), mlp(RANK, 256, 256)])
        self.gates = nn.ModuleList(Gate(parts) for _ in range(2))
        self.heads = nn.ModuleList(head(outputs) for _ in range(2))
        self.propensity = nn.Linear(256, 1)

    def forward(self, x, t):
        fields = x.unsqueeze(2) * self.field
        unit = F.normalize(fields, dim=1)
        attention = torch.sigmoid(self.query(unit) @ self.key(unit).transpose(1, 2) / RANK**0.5).softmax(2)
        control = self.trunks[0]((attention @ self.value(unit)).flatten(1))
        meeting = F.relu(torch.sigmoid(self.treatment) + torch.sigmoid(self.interaction(fields)))
        share = self.score(meeting).softmax(1)
        uplift = self.trunks[1]((share * fields).sum(1))
        parts = zip(self.gates, self.heads, (control, uplift))
        said = incremented(*(head(gate(phi, float(t))) for t, (gate, head, phi) in enumerate(parts)))
        said.propensity = self.propensity(uplift).squeeze(1)
        return said


class Unite(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        expert = lambda _: nn.Sequential(*layers(FEATURES, 128), nn.Dropout(0.3), *layers(128, 128))
        self.point, self.experts = not parts, nn.ModuleList(map(expert, range(EXPERTS)))
        self.mixtures = nn.ModuleList(nn.Linear(FEATURES, EXPERTS) for _ in range(3))
        self.gate = Gate(parts, 128)
        self.heads = nn.ModuleList(head(k, 128) for k in (outputs, outputs, 1))

    def forward(self, x, t):
        experts = torch.stack([expert(x) for expert in self.experts], 1)
        phis = [(mixture(x).softmax(1).unsqueeze(2) * experts).sum(1) for mixture in self.mixtures]
        phis[:2] = [self.gate(phi, float(t)) for t, phi in enumerate(phis[:2])]
        first, second, logit = (head(phi) for head, phi in zip(self.heads, phis))
        if self.point:
            e = torch.sigmoid(logit)
            first, second = first - e * second, first + (1 - e) * second
        return SimpleNamespace(arms=torch.stack([first, second]), propensity=logit.squeeze(1))


# Of one arm.


class Mlp(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        self.trunk, self.head = mlp(FEATURES, 256, 256), head(outputs)

    def forward(self, x, t):
        return SimpleNamespace(observed=self.head(self.trunk(x)))


class OptDist(nn.Module):
    def __init__(self, parts, outputs):
        super().__init__()
        self.trunk, self.selector = mlp(FEATURES, 256, 256), head(LAWS)
        self.laws = nn.ModuleList(head(3) for _ in range(LAWS))

    def forward(self, x, t):
        phi = self.trunk(x)
        logit, mu, raw = torch.stack([law(phi) for law in self.laws], 1).unbind(2)
        scores = self.selector(phi)
        noise = -torch.log(-torch.log(torch.rand_like(scores).clamp(min=1e-9)))
        return SimpleNamespace(logit=logit, mu=mu, sigma=(F.softplus(raw) + 1e-4).clamp(1e-4, 3.0), log=F.log_softmax(scores + noise, 1))


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.first, self.second = nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        return x + self.second(F.gelu(self.first(self.norm(x)), approximate="tanh"))


class CcOrNet(nn.Module):
    def __init__(self, parts, outputs, width=128):
        super().__init__()
        self.trunk, self.hidden = mlp(FEATURES, 256, 256), mlp(256, width, width)
        self.gates = nn.ModuleList(nn.Linear(width + gate, 1) for gate in range(BUCKETS - 1))
        self.embedding = nn.Parameter(torch.empty(BUCKETS, EMBEDDING).uniform_(-0.5, 0.5))
        self.align = nn.Linear(width + BUCKETS + EMBEDDING, 2 * width)
        self.blocks, self.residual = nn.Sequential(Residual(width), Residual(width)), nn.Linear(width, 1)
        self.attention, self.whales = nn.Linear(width, width), nn.Sequential(*layers(width, width), nn.Linear(width, 2))

    def logits(self, h):
        logits = []
        for gate in self.gates:
            logits.append(gate(torch.cat([h, *logits], 1)))
        return torch.cat(logits, 1)

    def forward(self, x, t):
        h = self.hidden(self.trunk(x))
        logits, shielded = self.logits(h), self.logits(h.detach())
        share = bucket_law(logits.detach()).exp()
        aligned = F.glu(self.align(torch.cat([h, share, share @ self.embedding], 1)), 1)
        seen = aligned.detach()
        attention = seen.shape[1] * self.attention(seen).softmax(1)
        seen = seen + NOISE * attention * seen.std(0, correction=0) * torch.randn_like(seen)
        residual = torch.tanh(self.residual(self.blocks(aligned))[:, 0])
        return SimpleNamespace(logits=logits, shielded=shielded, residual=residual, whales=self.whales(seen))


# Losses. `rows`: x, t, y, z (ranking label), sd; of buckets thresholds, exceeded, place, lower, half, centre, target.


def log_normal(said, rows):
    log_outcome = torch.log(torch.where(rows.y > 0, rows.y, 1.0))[:, None]
    return torch.log(said.sigma * (2 * torch.pi) ** 0.5) + (log_outcome - said.mu) ** 2 / (2 * said.sigma**2)


def chosen_law(said, rows):
    """OptDist: likelihoods in the shares of its selection, and what aligns the selection with them."""
    buys = (rows.y > 0)[:, None]
    fits = torch.where(buys, -F.logsigmoid(said.logit) + log_normal(said, rows), -F.logsigmoid(-said.logit))
    share, held = said.log.exp(), fits.detach()
    best = said.log.gather(1, held.argmin(1, keepdim=True))[:, 0]
    focal = (1 - best.exp()) ** 2 * -best
    divergence = (share * (said.log - F.log_softmax(-held, 1).clamp(min=-69.0))).sum(1)
    return (share * fits).sum(1).mean() + (focal + divergence).mean()


def bucket_law(logits):
    above = F.logsigmoid(logits).cumsum(1)
    before = F.pad(above[:, :-1], (1, 0))
    return torch.cat([before + F.logsigmoid(-logits), above[:, -1:]], 1)


def cascade(said, rows):
    at_risk = F.pad(rows.exceeded[:, :-1], (1, 0), value=1.0)
    errors = at_risk * F.binary_cross_entropy_with_logits(said.logits, rows.exceeded, reduction="none")
    return (errors.sum(0) / at_risk.sum(0).clamp(min=1)).sum()


def distillation(said, rows):
    found, share = bucket_law(said.shielded).exp().mean(0), F.one_hot(rows.place, BUCKETS).to(rows.y.dtype).mean(0)
    return torch.where(share > 0, share * (share.clamp(min=1e-12).log() - found.log()), 0.0).sum()


def bucket_residual(said, rows):
    counted = rows.place > 0
    return F.smooth_l1_loss(said.residual[counted], rows.target[counted])


def whales(said, rows):
    truth = (rows.place == BUCKETS - 1).float()
    put = (bucket_law(said.logits).argmax(1) == BUCKETS - 1).float()
    counted, q = torch.maximum(put, truth), torch.sigmoid(said.whales[:, 1])
    value = rows.edge + rows.beyond * F.softplus(said.whales[:, 0])
    relative = (value - rows.y).abs() / (rows.y + 1e-6)
    focal = torch.where(truth > 0, 0.35 * (1 - q) ** 2 * -q.log(), 0.65 * q**2 * -(1 - q).log())
    return (counted * (truth * relative + focal)).sum() / counted.sum().clamp(min=1)


def parted(rows):
    """The rows with their buckets."""
    positive = rows.y[rows.y > 0]
    thresholds = torch.cat([torch.tensor([1e-6]), torch.quantile(positive, torch.tensor([0.5, 0.75])).cpu()]).to(rows.y)
    exceeded = (rows.y[:, None] > thresholds).to(rows.y.dtype)
    place = exceeded.sum(1).long()
    forth = lambda y: torch.log1p(y / positive.median())
    lower, upper = F.pad(thresholds, (1, 0)), torch.cat([thresholds, rows.y.max()[None]])
    centre, half = (forth(lower) + forth(upper)) / 2, (forth(upper) - forth(lower)) / 2
    target = ((forth(rows.y) - centre[place]) / half[place]).clamp(-1, 1)
    beyond = rows.y[place == BUCKETS - 1].mean() - thresholds[-1]
    return SimpleNamespace(**vars(rows), exceeded=exceeded, place=place, target=target, edge=thresholds[-1], beyond=beyond)


def log_expectation(raw):
    logit, mu, raw_sigma = raw.unbind(-1)
    sigma = (F.softplus(raw_sigma) + 1e-4).clamp(1e-4, 3.0)
    return F.logsigmoid(logit) + mu + sigma**2 / 2


def expectation(raw):
    return raw.squeeze(-1) if raw.shape[-1] == 1 else torch.exp(log_expectation(raw))


def observed(said, t):
    return said.observed if hasattr(said, "observed") else torch.where(t[:, None] > 0, said.arms[1], said.arms[0])


def mse(said, rows):
    return F.mse_loss(observed(said, rows.t).squeeze(1), rows.y)


def focal_ziln(said, rows, alpha=0.75, gamma=2.0):
    logit, mu, raw = observed(said, rows.t).unbind(1)
    p, buys, sigma = torch.sigmoid(logit), rows.y > 0, (F.softplus(raw) + 1e-4).clamp(1e-4, 3.0)
    positive = -alpha * (1 - p) ** gamma * F.logsigmoid(logit)
    negative = -(1 - alpha) * p**gamma * F.logsigmoid(-logit)
    log_outcome = torch.log(torch.where(buys, rows.y, 1.0))
    revenue = torch.log(sigma * (2 * torch.pi) ** 0.5) + (log_outcome - mu) ** 2 / (2 * sigma**2)
    return (torch.where(buys, positive, negative) + torch.where(buys, revenue, 0.0)).mean()


def ranking(said, rows):
    control, treated = log_expectation(getattr(said, "contrast", said.arms))
    score = treated - control
    gap = rows.z[:, None] - rows.z[None, :]
    link = F.softplus(-torch.sign(gap) * (score[:, None] - score[None, :]))
    return (torch.log1p(gap.abs()) * link).sum() / (gap != 0).sum()


def propensity(said, rows):
    return F.binary_cross_entropy_with_logits(said.propensity, rows.t)


def targeted(said, rows):
    g = (torch.sigmoid(said.propensity) + 0.01) / 1.02
    step = said.epsilon * (rows.t / g - (1 - rows.t) / (1 - g))
    return (((rows.y - expectation(observed(said, rows.t))) / rows.sd - step) ** 2).mean()


def outcome_mean(said):
    control, treated = expectation(said.arms)
    e = torch.sigmoid(said.propensity)
    return e * treated + (1 - e) * control, e, treated - control


def marginal(said, rows):
    return F.mse_loss(outcome_mean(said)[0] / rows.sd, rows.y / rows.sd)


def robinson(said, rows):
    m, e, tau = outcome_mean(said)
    return (((rows.y - m.detach() - (rows.t - e.detach()) * tau) / rows.sd) ** 2).mean()


def sinkhorn(said, rows, weight=10.0, iterations=10):
    treated, control = said.phi[rows.t > 0], said.phi[rows.t <= 0]
    n, m = len(treated), len(control)
    cost = torch.cdist(treated, control)
    most = cost.max().detach()
    beside = torch.cat([most.expand(1, m), cost.new_zeros(1, 1)], 1)
    padded = torch.cat([torch.cat([cost, most.expand(n, 1)], 1), beside], 0)
    with torch.no_grad():
        kernel = torch.exp(-weight / cost.mean() * padded) + 1e-6
        a = torch.cat([cost.new_full((n,), 0.5 / n), cost.new_full((1,), 0.5)])
        b = torch.cat([cost.new_full((m,), 0.5 / m), cost.new_full((1,), 0.5)])
        u, scaled = a, kernel / a[:, None]
        for _ in range(iterations):
            u = 1 / (scaled @ (b / (kernel.T @ u)))
        plan = u[:, None] * (b / (kernel.T @ u)) * kernel
    return 2 * (plan * padded).sum()


def mmd(said, rows):
    treated, control = said.phi[rows.t > 0], said.phi[rows.t <= 0]
    squares = [torch.cdist(a, b) ** 2 for a, b in ((treated, treated), (control, control), (treated, control))]
    width = squares[2].mean().detach()
    means = [sum(torch.exp(-square / (s**2 * width)).mean() for s in (0.5, 1.0, 2.0)) for square in squares]
    return means[0] + means[1] - 2 * means[2]


NETWORKS = {
    "s-learner": (SLearner, []), "t-learner": (TLearner, []), "tarnet": (Tarnet, []), "cfr-wass": (Cfr, [sinkhorn]),
    "cfr-mmd": (Cfr, [mmd]), "dragonnet": (Dragonnet, [propensity, targeted]), "euen": (Euen, []),
    "efin": (Efin, [propensity]), "unite": (Unite, [robinson, propensity]),
}
# Networks of one arm with their losses.
VALUES = {"mlp": (Mlp, [mse]), "opt-dist": (OptDist, [chosen_law]), "cc-or-net": (CcOrNet, [cascade, distillation, bucket_residual, whales])}


class Replicate:
    def __init__(self, network, parts, seed, asked):
        torch.manual_seed(seed)
        make, own = (NETWORKS | VALUES)[network]
        self.model = make(parts, 3 if parts else 1).to(asked.device)
        self.adam = torch.optim.Adam(self.model.parameters(), lr=5e-4)
        t = (torch.rand(asked.batch) < 0.5).float()
        y = torch.where(torch.rand(asked.batch) < ZEROS, 0.0, torch.exp(torch.randn(asked.batch)))
        x = torch.randn(asked.batch, FEATURES).to(asked.device)
        z = (y * (t - 0.5) / 0.25).to(asked.device)
        self.rows = SimpleNamespace(x=x, t=t.to(asked.device), y=y.to(asked.device), z=z, sd=y.std().item())
        if network in VALUES:
            self.rows, self.objective = parted(self.rows), [(1.0, term) for term in own]
            return
        # Without the ZILN head losses are in outcome units squared; the network's own terms are scaled alike.
        scale = 1.0 if parts else self.rows.sd**2
        outcome = (scale, marginal) if network == "unite" and not parts else (1.0, focal_ziln if parts else mse)
        self.objective = [outcome, *((scale, term) for term in own if not (parts and term is targeted))]
        if "ranking" in parts:
            self.objective.append((0.1, ranking))

    def step(self):
        self.adam.zero_grad()
        said = self.model(self.rows.x, self.rows.t)
        loss = sum(weight * term(said, self.rows) for weight, term in self.objective)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.adam.step()


def median_ms(replicates, steps, device):
    synchronise = torch.cuda.synchronize if device == "cuda" else lambda: None
    times = []
    for step in range(steps + 20):
        synchronise()
        start = time.perf_counter()
        for replicate in replicates:
            replicate.step()
        synchronise()
        times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times[20:]), 3)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    listed = lambda text: text.split(",")
    counts = lambda text: [int(count) for count in text.split(",")]
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--networks", type=listed, default=list(NETWORKS))
    parser.add_argument("--variants", type=listed, default=["base", "valor"])
    parser.add_argument("--replicates", type=counts, default=[1, 5])
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    asked = parser.parse_args()
    for found, allowed in [(asked.networks, NETWORKS | VALUES), (asked.variants, VARIANTS)]:
        if wrong := set(found) - set(allowed):
            parser.error(f"{', '.join(sorted(wrong))}: allowed are {', '.join(allowed)}")
    torch.set_num_threads(asked.threads)
    cases = {}
    for network in asked.networks:
        for variant in asked.variants if network in NETWORKS else ["base"]:
            for count in asked.replicates:
                stack = [Replicate(network, VARIANTS[variant], seed, asked) for seed in range(count)]
                cases[f"{network}/{variant}/{count}"] = median_ms(stack, asked.steps, asked.device)
    device = torch.cuda.get_device_name() if asked.device == "cuda" else processor()
    facts = dict(torch=torch.__version__, threads=asked.threads, steps=asked.steps, batch=asked.batch, device=device)
    print(json.dumps(facts | dict(median_ms=cases), indent=2))


if __name__ == "__main__":
    main()
