"""Healthy programs of many designs, each of which tempts a rule of the graph or of the probes."""

import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vademecum.doctor import watch

sys.path.insert(0, str(Path(__file__).parent))
from graph_loops import alarms, report

N, K = 16, 4
X, Y = torch.randn(N, 6, generator=torch.Generator().manual_seed(0)), torch.arange(N) % K
HOT = F.one_hot(Y, K).float()
SETS = torch.randn(N, 5, 6, generator=torch.Generator().manual_seed(1))
REAL = X.sum(1, keepdim=True)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(1)


def mlp(out=K, into=6):
    return nn.Sequential(nn.Linear(into, 16), nn.ReLU(), nn.Linear(16, out))


class Bags(nn.Module):
    """Attention over the instances of one bag; the bag's answer is a weighted mean of the instances' scores."""

    def __init__(self):
        super().__init__()
        self.body, self.weights, self.scores = mlp(8), nn.Linear(8, 1), nn.Linear(8, K)

    def forward(self, bag):
        h = torch.relu(self.body(bag))
        return (self.weights(h).softmax(0) * self.scores(h)).sum(0, keepdim=True)


class Capsules(nn.Module):
    """Routing: the couplings are normalized over the outputs and summed over the inputs."""

    def __init__(self):
        super().__init__()
        self.votes, self.head = nn.Linear(6, 3 * 8), nn.Linear(24, K)

    def forward(self, x):
        votes = self.votes(x).view(len(x), 5, 3, 8)
        logits = torch.zeros(len(x), 5, 3)
        for _ in range(2):
            out = torch.einsum("bio,biod->bod", logits.softmax(2), votes)
            logits = logits + torch.einsum("bod,biod->bio", torch.tanh(out), votes)
        return self.head(torch.tanh(out).flatten(1))


class Pools(nn.Module):
    """Soft assignment of elements to clusters, summed over the elements; linear attention beside it."""

    def __init__(self):
        super().__init__()
        self.assign, self.qkv, self.head = nn.Linear(6, 3), nn.Linear(6, 24), nn.Linear(18 + 8, K)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        attended = q.softmax(-1) @ (k.softmax(1).transpose(1, 2) @ v)
        pooled = self.assign(x).softmax(-1).transpose(1, 2) @ x
        return self.head(torch.cat([pooled.flatten(1), attended.mean(1)], 1).tanh())


class Experts(nn.Module):
    """Two of four experts are asked; gates are probabilities."""

    def __init__(self):
        super().__init__()
        self.gate, self.experts = nn.Linear(6, 4), nn.ModuleList(mlp() for _ in range(4))

    def forward(self, x):
        weight, chosen = self.gate(x).softmax(-1).topk(2, dim=-1)
        all_of_them = torch.stack([expert(x) for expert in self.experts], 1)
        return (weight[..., None] * all_of_them.gather(1, chosen[..., None].expand(-1, -1, K))).sum(1)


class Slots(nn.Module):
    """Slot attention: a softmax over the queries, then weights that sum to 1 over the keys."""

    def __init__(self):
        super().__init__()
        self.slots, self.k, self.v = nn.Parameter(torch.randn(3, 8)), nn.Linear(6, 8), nn.Linear(6, 8)
        self.head = nn.Linear(24, K)

    def forward(self, x):
        a = (self.slots @ self.k(x).transpose(1, 2)).softmax(1) + 1e-8
        return self.head(((a / a.sum(-1, keepdim=True)) @ self.v(x)).relu().flatten(1))


class Luong(nn.Module):
    """Attention of a decoder's state to the states of an encoder, whose scores stand in a column."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.GRU(6, 8, batch_first=True), nn.Linear(16, K)

    def forward(self, x):
        states, last = self.encoder(x)
        weights = torch.bmm(states, last[0][:, :, None]).softmax(1)
        context = torch.bmm(weights.transpose(1, 2), states)[:, 0]
        return self.head(torch.cat([context, last[0]], 1))


class Codebook(nn.Module):
    """A vector-quantized code with the gradient passed straight through."""

    def __init__(self):
        super().__init__()
        self.encoder, self.codes, self.decoder = mlp(8), nn.Embedding(12, 8), mlp(6, 8)

    def forward(self, x):
        z = self.encoder(x)
        code = self.codes(torch.cdist(z, self.codes.weight).argmin(1))
        commit = F.mse_loss(z, code.detach()) + F.mse_loss(code, z.detach())
        return self.decoder(z + (code - z).detach()), commit


class Adapter(nn.Module):
    """A frozen base with a low-rank change, one half of which begins at zero."""

    def __init__(self):
        super().__init__()
        self.base = nn.Linear(6, 16).requires_grad_(False)
        nn.init.normal_(self.base.weight)  # it comes trained: no weight of it lies as torch draws them
        self.down, self.up = nn.Linear(6, 2, bias=False), nn.Linear(2, 16, bias=False)
        nn.init.zeros_(self.up.weight)
        self.head = nn.Linear(16, K)

    def forward(self, x):
        return self.head(F.gelu(self.base(x) + self.up(self.down(x))))


class Scaled(nn.Module):
    """A residual block with a scale for each channel, which begins small, and a gate that begins at zero."""

    def __init__(self):
        super().__init__()
        self.embed, self.block, self.head = nn.Linear(6, 16), mlp(16, 16), nn.Linear(16, K)
        self.scale, self.gate = nn.Parameter(torch.full((16,), 1e-2)), nn.Parameter(torch.zeros(1))

    def forward(self, x):
        h = F.silu(self.embed(x))
        return self.head(h + self.scale * self.block(h) + self.gate * h)


class Stateful(nn.Module):
    """A recurrent net that keeps its state from batch to batch."""

    def __init__(self):
        super().__init__()
        self.rnn, self.head, self.state = nn.GRU(6, 8, batch_first=True), nn.Linear(8, K), None

    def forward(self, x):
        out, state = self.rnn(x, self.state)
        self.state = state.detach()
        return self.head(out[:, -1])


@pytest.mark.parametrize(
    ("make", "x"),
    [
        (Capsules, X[:, None].expand(N, 5, 6)),
        (Pools, SETS),
        (Experts, X),
        (Slots, SETS),
        (Luong, SETS),
        (Adapter, X),
        (Scaled, X),
        (Stateful, SETS),
    ],
)
def test_classifiers(make, x):
    model = make()
    assert alarms(model, lambda step: F.cross_entropy(model(x), Y)) == []


def test_bags_of_instances():
    model = Bags()
    assert alarms(model, lambda step: F.cross_entropy(model(SETS[step]), Y[step : step + 1])) == []


def test_quantized_codes():
    model = Codebook()

    def loss(step):
        out, commit = model(X)
        return F.mse_loss(out, X) + commit

    assert alarms(model, loss) == []


def nce(a, b):
    logits = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / 0.2
    return (F.cross_entropy(logits, torch.arange(N)) + F.cross_entropy(logits.T, torch.arange(N))) / 2


def info_nce_by_hand(a, b):
    logits = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / 0.2
    return -(logits.log_softmax(0).diagonal() + logits.log_softmax(1).diagonal()).mean()


def vicreg(a, b):
    spread = F.relu(1 - a.std(0)).mean()
    centered = a - a.mean(0)
    return F.mse_loss(a, b) + spread + (centered.T @ centered).fill_diagonal_(0).square().mean() / N


def byol(a, b):
    return 2 - 2 * F.cosine_similarity(a, b.detach(), dim=1).mean()


@pytest.mark.parametrize("loss", [nce, info_nce_by_hand, vicreg, byol])
def test_representations(loss):
    model = mlp(8)
    assert alarms(model, lambda step: loss(model(X), model(X + 0.1 * torch.randn_like(X)))) == []


class Similar(nn.Module):
    """A model that returns the similarities of all pairs of its batch."""

    def __init__(self):
        super().__init__()
        self.image, self.text, self.scale = mlp(8), mlp(8), nn.Parameter(torch.tensor(1.0))

    def forward(self, x, words):
        a, b = F.normalize(self.image(x), dim=1), F.normalize(self.text(words), dim=1)
        return self.scale.exp() * a @ b.T


def test_a_table_of_similarities_is_no_mixture():
    model = Similar()
    assert alarms(model, lambda step: F.cross_entropy(model(X, X.flip(1)), torch.arange(N))) == []


def mixture(out):
    weight, mean, scale = out.chunk(3, 1)
    return (
        -(weight.log_softmax(1) + torch.distributions.Normal(mean, F.softplus(scale) + 0.01).log_prob(REAL))
        .logsumexp(1)
        .mean()
    )


def quantiles(out):
    error = REAL - out
    levels = torch.tensor([0.1, 0.5, 0.9])
    return torch.maximum(levels * error, (levels - 1) * error).mean()


def quantile_huber(out):
    pairs = REAL[:, :, None] + torch.randn(N, 1, 3) - out[:, :, None]
    return (
        (F.huber_loss(pairs, torch.zeros_like(pairs), reduction="none") * (pairs.detach() < 0)).sum(1).mean()
    )


@pytest.mark.parametrize(("loss", "out"), [(mixture, 6), (quantiles, 3), (quantile_huber, 3)])
def test_distributions_of_a_number(loss, out):
    model = mlp(out)
    assert alarms(model, lambda step: loss(model(X))) == []


def reinforce(logits):
    policy = torch.distributions.Categorical(logits=logits)
    action = policy.sample()
    return -(policy.log_prob(action) * torch.randn(N)).mean() - 0.01 * policy.entropy().mean()


def actor(logits):
    return -(F.log_softmax(logits, 1)[torch.arange(N), Y] * torch.randn(N)).mean()


def q_learning(values):
    return F.smooth_l1_loss(values.gather(1, Y[:, None]).squeeze(1), REAL.squeeze(1))


def focal(logits):
    p = logits.softmax(1)[torch.arange(N), Y]
    return (-((1 - p) ** 2) * p.log()).mean()


def unlikely(logits):
    return -torch.log(1 - logits.softmax(1)[torch.arange(N), (Y + 1) % K] + 1e-6).mean()


def dice(logits):
    p = logits.softmax(1)
    return 1 - (2 * (p * HOT).sum() / (p.sum() + HOT.sum()))


def evidence(logits):
    alpha = F.relu(logits) + 1
    return (HOT * (alpha.sum(1, keepdim=True).digamma() - alpha.digamma())).sum(1).mean()


def ordinal(logits):
    levels = (Y[:, None] > torch.arange(K)).float()
    return F.binary_cross_entropy_with_logits(logits.cumsum(1), levels)


def smooth(logits):
    logp = logits.log_softmax(1)
    return 0.9 * F.nll_loss(logp, Y) - 0.1 * logp.mean()


def gumbel(logits):
    return F.mse_loss(F.gumbel_softmax(logits, hard=True), HOT)


def noisy_labels(logits):
    flip = 0.9 * torch.eye(K) + 0.1 / K
    return F.nll_loss((logits.softmax(1) @ flip).log(), Y)


def margin(logits):
    cosine = F.normalize(logits, dim=1)
    return F.cross_entropy(16 * (cosine - 0.2 * HOT), Y)


def hinge(logits):
    return F.relu(
        1 - (logits.gather(1, Y[:, None]) - logits.masked_fill(HOT.bool(), -9).amax(1, keepdim=True))
    ).mean()


def mixed_up(logits):
    return 0.7 * F.cross_entropy(logits, Y) + 0.3 * F.cross_entropy(logits, Y.flip(0))


@pytest.mark.parametrize(
    "loss",
    [
        reinforce,
        actor,
        q_learning,
        focal,
        unlikely,
        dice,
        evidence,
        ordinal,
        smooth,
        gumbel,
        noisy_labels,
        margin,
        hinge,
        mixed_up,
    ],
)
def test_losses_of_scores(loss):
    model = mlp()
    assert alarms(model, lambda step: loss(model(X))) == []


def test_a_physical_net_that_differentiates_its_input():
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1))

    def loss(step):
        x, t = torch.rand(N, 1).requires_grad_(), torch.rand(N, 1).requires_grad_()
        u = model(torch.cat([x, t], 1))
        slope, rate = torch.autograd.grad(u.sum(), (x, t), create_graph=True)
        return (rate + u * slope).square().mean() + (
            model(torch.cat([x, 0 * t], 1)) - torch.sin(x)
        ).square().mean()

    assert alarms(model, loss) == []


def test_adversaries():
    maker, critic = mlp(6), mlp(1)
    optimizers = [torch.optim.RMSprop(net.parameters(), lr=1e-3) for net in (critic, maker)]
    with watch([maker, critic], optimizers) as doctor:
        for _ in range(6):
            for place, optimizer in enumerate(optimizers):
                fake = maker(torch.randn(N, 6))
                loss = -critic(fake).mean() if place else critic(fake.detach()).mean() - critic(X).mean()
                maker.zero_grad()
                critic.zero_grad()
                loss.backward()
                optimizer.step()
    assert [f.rule for f in doctor.report().findings if f.severity in {"warning", "error"}] == []


def test_translation_with_teacher_forcing():
    class Translate(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(9, 16)
            self.both = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)
            self.out = nn.Linear(16, 9)

        def forward(self, source, target):
            mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
            return self.out(self.both(self.words(source), self.words(target), tgt_mask=mask))

    model = Translate()
    source = torch.randint(0, 9, (N, 10))
    target = torch.cat([torch.zeros(N, 1).long(), source.flip(1)], 1)
    loss = report(
        model,
        lambda step: F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten()),
    )
    assert [f.rule for f in loss.findings if f.severity in {"warning", "error"}] == []


def test_a_policy_and_its_value_share_a_body():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.policy, self.value = (
                nn.Sequential(nn.Linear(6, 16), nn.Tanh()),
                nn.Linear(16, K),
                nn.Linear(16, 1),
            )

        def forward(self, x):
            h = self.body(x)
            return self.policy(h), self.value(h)

    model = Both()

    def loss(step):
        logits, value = model(X)
        advantage = (REAL - value).detach().squeeze(1)
        ratio = (logits.log_softmax(1)[torch.arange(N), Y] + 1.4).exp()
        clipped = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        return -clipped.mean() + 0.5 * F.mse_loss(value, REAL)

    assert alarms(model, loss) == []


def test_inner_steps_of_a_learner_that_learns_to_learn():
    model = mlp(1)

    def loss(step):
        fast = dict(model.named_parameters())
        inner = F.mse_loss(torch.func.functional_call(model, fast, X), REAL)
        slopes = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
        fast = {name: p - 0.1 * g for (name, p), g in zip(fast.items(), slopes)}
        return F.mse_loss(torch.func.functional_call(model, fast, X), REAL)

    assert alarms(model, loss) == []
