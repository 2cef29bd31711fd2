"""Training loops of many styles, each `f(watching) -> Run`; `watching(models, optimizers)` opens a watch or nothing."""

import copy
import random
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

STEPS = 60


@dataclass
class Run:
    """What a loop leaves behind."""

    losses: list
    models: list = field(default_factory=list)
    optimizers: list = field(default_factory=list)
    others: list = field(default_factory=list)


def batch(step, width=12, classes=3, size=8):
    """Data that draws from all three global streams, as augmentation does."""
    x = torch.randn(size, width) + float(np.random.standard_normal()) * 0.1 + random.random() * 0.1
    return x, (x[:, 0] > 0).long() + (x[:, 1] > 0).long() % classes


def mlp(width=12, out=3):
    return nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Dropout(0.3), nn.Linear(24, out))


def plain(watching, make=mlp, shape=lambda x: x, optimizer=lambda p: torch.optim.AdamW(p, 1e-2)):
    net = make()
    opt = optimizer(net.parameters())
    run = Run([], [net], [opt])
    with watching(net, opt):
        for step in range(STEPS):
            net.train()
            x, y = batch(step)
            loss = F.cross_entropy(net(shape(x)), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.losses.append(loss.item())
            if step % 20 == 19:
                net.eval()
                with torch.no_grad():
                    run.losses.append(F.cross_entropy(net(shape(x)), y).item())
    return run


def cnn(watching):
    def make():
        return nn.Sequential(
            nn.Conv1d(1, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(0.2),
            nn.Linear(48, 3),
        )  # fmt: skip

    return plain(watching, make, lambda x: x[:, None], lambda p: torch.optim.SGD(p, 0.05, momentum=0.9))


def transformer(watching):
    def make():
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        return nn.Sequential(nn.Linear(3, 8), nn.TransformerEncoder(layer, 2), nn.Flatten(), nn.Linear(32, 3))

    return plain(watching, make, lambda x: x.view(-1, 4, 3))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 8, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])


def lstm(watching):
    return plain(watching, Recurrent, lambda x: x.view(-1, 4, 3))


def gan(watching):
    g, d = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 12)), mlp(12, 1)
    og, od = torch.optim.Adam(g.parameters(), 1e-3), torch.optim.Adam(d.parameters(), 1e-3)
    run = Run([], [g, d], [og, od])
    with watching([g, d], [og, od]):
        for step in range(STEPS // 2):
            x, _ = batch(step)
            fake = g(torch.randn(8, 4))
            ld = F.softplus(-d(x)).mean() + F.softplus(d(fake.detach())).mean()
            od.zero_grad()
            ld.backward()
            od.step()
            lg = F.softplus(-d(fake)).mean()
            og.zero_grad()
            lg.backward()
            og.step()
            run.losses += [ld.item(), lg.item()]
    return run


def accumulation(watching):
    net = mlp()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    run = Run([], [net], [opt])
    with watching(net, opt):
        for step in range(STEPS):
            x, y = batch(step)
            loss = F.cross_entropy(net(x), y) / 3
            loss.backward()
            run.losses.append(loss.item())
            if step % 3 == 2:
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                opt.step()
                opt.zero_grad()
    return run


def autocast(watching):
    net = mlp()
    opt = torch.optim.AdamW(net.parameters(), 1e-2)
    run = Run([], [net], [opt])
    with watching(net, opt):
        for step in range(STEPS):
            x, y = batch(step)
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.losses.append(loss.item())
    return run


def scaler(watching):
    net = mlp()
    opt = torch.optim.SGD(net.parameters(), 1e-2)
    scale = torch.amp.GradScaler("cpu", init_scale=1024.0)
    run = Run([], [net], [opt])
    with watching(net, opt):
        for step in range(STEPS):
            x, y = batch(step)
            with torch.autocast("cpu", torch.float16):
                loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            scale.scale(loss).backward()
            scale.step(opt)
            scale.update()
            run.losses.append(loss.item())
    run.others.append(scale.get_scale())
    return run


def lbfgs(watching):
    net = nn.Sequential(nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3))
    opt = torch.optim.LBFGS(net.parameters(), 0.1, max_iter=4)
    run = Run([], [net], [opt])
    x, y = batch(0)
    with watching(net, opt):
        for _ in range(STEPS // 4):

            def closure():
                opt.zero_grad()
                loss = F.cross_entropy(net(x), y)
                loss.backward()
                return loss

            run.losses.append(opt.step(closure).item())
    return run


def functional(watching):
    w1, w2 = (torch.randn(12, 16) / 4).requires_grad_(), (torch.randn(16, 3) / 4).requires_grad_()
    opt = torch.optim.Adam([w1, w2], 1e-2)
    run = Run([], [], [opt], [w1, w2])
    with watching([], opt):
        for step in range(STEPS):
            x, y = batch(step)
            loss = F.cross_entropy(F.dropout(torch.relu(x @ w1), 0.1) @ w2, y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.losses.append(loss.item())
    return run


def frozen(watching):
    def make():
        net = nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
        net[0].requires_grad_(False)
        return net

    return plain(watching, make, optimizer=lambda p: torch.optim.SGD([q for q in p if q.requires_grad], 0.1))


def ema(watching):
    net = mlp()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    run = Run([], [net], [opt])
    with watching(net, opt):
        average = copy.deepcopy(net).requires_grad_(False)  # made inside: it must not listen
        for step in range(STEPS):
            x, y = batch(step)
            loss = F.cross_entropy(net(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            with torch.no_grad():
                for a, p in zip(average.parameters(), net.parameters()):
                    a.lerp_(p, 0.1)
                run.losses += [loss.item(), F.cross_entropy(average.eval()(x), y).item()]
    run.others += list(average.parameters())
    return run


def called_functionally(watching):
    net = mlp()
    weights = {name: p.detach().clone() for name, p in net.named_parameters()}
    run = Run([], [net])

    def loss_of(weights, x, y):
        return F.cross_entropy(torch.func.functional_call(net, weights, (x,)), y)

    with watching(net, None):
        for step in range(STEPS):
            x, y = batch(step)
            gradients, loss = torch.func.grad_and_value(loss_of)(weights, x, y)
            weights = {name: w - 0.1 * gradients[name] for name, w in weights.items()}
            run.losses.append(loss.item())
        # every example by itself
        per_example = torch.func.vmap(torch.func.grad(loss_of), (None, 0, 0), randomness="different")
        run.others += list(per_example(weights, x[:, None], y[:, None]).values())
    run.others += list(weights.values())
    return run


def by_hand(watching):
    net = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    run = Run([], [net])
    with watching(net, None) as doctor:
        for step in range(STEPS):
            x, y = batch(step)
            loss = F.cross_entropy(net(x), y)
            for p, g in zip(net.parameters(), torch.autograd.grad(loss, list(net.parameters()))):
                p.data -= 0.1 * g
            if doctor is not None:
                doctor.loss(loss)
                doctor.step()
            run.losses.append(loss.item())
    return run


def compiled(watching, backend="aot_eager"):
    net = mlp()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    run = Run([], [net], [opt])
    fast = torch.compile(net, backend=backend)
    with watching(net, opt):
        for step in range(STEPS):
            x, y = batch(step)
            loss = F.cross_entropy(fast(x), y)
            opt.zero_grad()
            loss.backward()
            opt.step()
            run.losses.append(loss.item())
    return run


LOOPS = [
    plain, cnn, transformer, lstm, gan, accumulation, autocast, scaler, lbfgs, functional, frozen, ema,
    called_functionally, by_hand,
]  # fmt: skip
