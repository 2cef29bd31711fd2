import torch
from torch import autograd, nn

torch.manual_seed(3)
generator = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 2))
critic = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 1))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.9))
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-4, betas=(0.0, 0.9))


def penalty(real, fake):
    mix = torch.rand(len(real), 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_(True)
    (grad,) = autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((grad.norm(dim=1) - 1) ** 2).mean()


for step in range(500):
    for _ in range(5):
        real, fake = torch.randn(64, 2) + 2, generator(torch.randn(64, 8)).detach()
        loss = critic(fake).mean() - critic(real).mean() + 10 * penalty(real, fake)
        opt_c.zero_grad(set_to_none=True)
        loss.backward()
        opt_c.step()
    loss = -critic(generator(torch.randn(64, 8))).mean()
    opt_g.zero_grad(set_to_none=True)
    loss.backward()
    opt_g.step()
