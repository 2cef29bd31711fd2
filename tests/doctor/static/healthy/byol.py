import copy

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
online = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
target = copy.deepcopy(online).requires_grad_(False)
predictor = nn.Linear(8, 8)
opt = torch.optim.Adam([*online.parameters(), *predictor.parameters()], lr=1e-3)
for _ in range(300):
    x = torch.randn(64, 16)
    p = predictor(online(x + 0.1 * torch.randn_like(x)))
    with torch.no_grad():
        z = target(x)
    loss = 2 - 2 * F.cosine_similarity(p, z.detach(), dim=1).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        for a, b in zip(target.parameters(), online.parameters()):
            a.mul_(0.99).add_(b, alpha=0.01)
