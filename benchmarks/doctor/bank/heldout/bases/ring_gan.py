"""A generative adversarial network for points on a ring; the score compares distances between clouds."""

import math
from itertools import pairwise

import torch
from torch import nn

SEED = 0
LATENT = 4


def ring(n, source=None):
    angle = 2 * math.pi * torch.rand(n, generator=source)
    radius = 1.0 + 0.08 * torch.randn(n, generator=source)
    return torch.stack([radius * angle.cos() + 1.0, radius * angle.sin()], dim=1)


def mlp(*sizes):
    layers = []
    for a, b in pairwise(sizes[:-1]):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def energy_distance(a, b):
    between = torch.cdist(a, b).mean()
    return (2 * between - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


torch.manual_seed(SEED)
generator = mlp(LATENT, 48, 48, 2)
critic = mlp(2, 48, 48, 1)
g_opt = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.99))
d_opt = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.99))
criterion = nn.BCEWithLogitsLoss()
batch = 64
real_label, fake_label = torch.ones(batch, 1), torch.zeros(batch, 1)
held_out = ring(500, torch.Generator().manual_seed(123))

for i in range(500):
    # discriminator: real up, fake down
    critic.zero_grad()
    real = ring(batch)
    fake = generator(torch.randn(batch, LATENT))
    d_loss = criterion(critic(real), real_label) + criterion(critic(fake.detach()), fake_label)
    d_loss.backward()
    d_opt.step()

    # generator: fake up
    generator.zero_grad()
    g_loss = criterion(critic(fake), real_label)
    g_loss.backward()
    g_opt.step()

    if i % 100 == 0:
        with torch.no_grad():
            quality = energy_distance(generator(torch.randn(300, LATENT)), held_out)
        print(f"[{i}] Loss_D: {d_loss.item():.4f} Loss_G: {g_loss.item():.4f} distance: {quality:.4f}")

with torch.no_grad():
    print("score", -energy_distance(generator(torch.randn(500, LATENT)), held_out))
