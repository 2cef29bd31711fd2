import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
torch.manual_seed(0)
x = torch.linspace(-3, 3, 256)[:, None]
y = torch.sin(x) + 0.1 * torch.randn(256, 1)

model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 200)
for _ in range(200):
    rows = torch.randint(0, 256, (64,))
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    scheduler.step()  # wrong
    optimizer.step()
    # right: scheduler.step()
print("fit", nn.functional.mse_loss(model(x), y).item())
