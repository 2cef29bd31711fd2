import copy

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 1))
ema = copy.deepcopy(model)
ema.requires_grad_(False)
ema.eval()
opt = torch.optim.SGD(model.parameters(), lr=0.01)
x_val, y_val = torch.randn(64, 8), torch.randn(64, 1)

for step in range(1000):
    x = torch.randn(32, 8)
    y = x.sum(1, keepdim=True)
    opt.zero_grad()
    loss = nn.functional.smooth_l1_loss(model(x), y)
    loss.backward()
    opt.step()
    with torch.no_grad():
        for slow, fast in zip(ema.parameters(), model.parameters()):
            slow.lerp_(fast, 0.01)
    if step % 100 == 0:
        with torch.inference_mode():
            val_loss = nn.functional.mse_loss(ema(x_val), y_val)
