"""A generative adversarial network for points on a ring; the score compares distances between clouds."""

import math

import torch
from torch import nn

SEED = 0
LATENT = 4


def ring(n, generator=None):
    angle = 2 * math.pi * torch.rand(n, generator=generator)
    radius = 1.0 + 0.08 * torch.randn(n, generator=generator)
    return torch.stack([radius * angle.cos() + 1.0, radius * angle.sin()], dim=1)


def mlp(*sizes):
    layers = []
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def energy_distance(a, b):
    between = torch.cdist(a, b).mean()
    return (2 * between - torch.cdist(a, a).mean() - torch.cdist(b, b).mean()).item()


torch.manual_seed(SEED)
netG = mlp(LATENT, 48, 48, 2)
netD = mlp(2, 48, 48, 1)
optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-3, betas=(0.5, 0.99))
optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-3, betas=(0.5, 0.99))
criterion = nn.BCEWithLogitsLoss()
batch = 64
real_label, fake_label = torch.ones(batch, 1), torch.zeros(batch, 1)
held_out = ring(500, torch.Generator().manual_seed(123))

for i in range(500):
    # discriminator: real up, fake down
    netD.zero_grad()
    real = ring(batch)
    fake = netG(torch.randn(batch, LATENT))
    errD = criterion(netD(real), real_label) + criterion(netD(fake.detach()), fake_label)
    errD.backward()
    optimizerD.step()

    # generator: fake up
    netG.zero_grad()
    errG = criterion(netD(fake), real_label)
    errG.backward()
    optimizerG.step()

    if i % 100 == 0:
        with torch.no_grad():
            quality = energy_distance(netG(torch.randn(300, LATENT)), held_out)
        print(f"[{i}] Loss_D: {errD.item():.4f} Loss_G: {errG.item():.4f} distance: {quality:.4f}")

with torch.no_grad():
    print("score", -energy_distance(netG(torch.randn(500, LATENT)), held_out))
