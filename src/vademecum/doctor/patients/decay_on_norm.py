import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)

model = nn.Sequential(nn.Linear(64, 64), nn.LayerNorm(64), nn.GELU(), nn.Linear(64, 10))
groups = [{"params": list(model.parameters()), "weight_decay": 0.05}]  # wrong
# right: groups = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.05}]
# right: groups += [{"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}]
optimizer = torch.optim.AdamW(groups, lr=3e-3)
for _ in range(4):
    for rows in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print("held-out", (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item())
