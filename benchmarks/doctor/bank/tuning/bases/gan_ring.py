"""A GAN for eight Gaussians on a ring."""

import math

import torch
import torch.nn as nn

SEED = 0
NOISE = 8


def real_samples(n):
    k = torch.randint(0, 8, (n,))
    angle = k * (2 * math.pi / 8)
    centers = torch.stack([angle.cos(), angle.sin()], dim=1)
    return centers + 0.08 * torch.randn(n, 2)


def make_generator():
    return nn.Sequential(nn.Linear(NOISE, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


def make_discriminator():
    return nn.Sequential(
        nn.Linear(2, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1)
    )


def energy_distance(x, y):
    return (2 * torch.cdist(x, y).mean() - torch.cdist(x, x).mean() - torch.cdist(y, y).mean()).item()


def main():
    torch.manual_seed(SEED)
    generator, discriminator = make_generator(), make_discriminator()
    g_opt = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.9))
    d_opt = torch.optim.Adam(discriminator.parameters(), lr=2e-3, betas=(0.5, 0.9))
    bce = nn.BCEWithLogitsLoss()
    batch = 128
    ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)

    for step in range(700):
        # discriminator
        real = real_samples(batch)
        fake = generator(torch.randn(batch, NOISE)).detach()
        d_loss = bce(discriminator(real), ones) + bce(discriminator(fake), zeros)
        d_opt.zero_grad()
        d_loss.backward()
        d_opt.step()

        # generator
        fake = generator(torch.randn(batch, NOISE))
        g_loss = bce(discriminator(fake), ones)
        g_opt.zero_grad()
        g_loss.backward()
        g_opt.step()

        if step % 100 == 0:
            with torch.no_grad():
                distance = energy_distance(generator(torch.randn(500, NOISE)), real_samples(500))
            print(f"step {step}: d {d_loss.item():.3f} g {g_loss.item():.3f} energy distance {distance:.4f}")

    with torch.no_grad():
        distance = energy_distance(generator(torch.randn(1500, NOISE)), real_samples(1500))
    print("score", -distance)


main()
