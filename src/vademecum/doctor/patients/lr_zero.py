import torch
from sklearn.datasets import load_breast_cancer
from torch import nn, optim

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
x = (x - x[:400].mean(0)) / x[:400].std(0)

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1))
optimizer = optim.SGD(model.parameters(), lr=0.1)
scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda step: step // 1000)  # wrong
# right: scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 20))
for _ in range(10):
    for rows in torch.randperm(400).split(20):
        loss = nn.functional.binary_cross_entropy_with_logits(model(x[rows])[:, 0], y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
with torch.no_grad():
    print("held-out", ((model(x[400:])[:, 0] > 0) == (y[400:] > 0.5)).float().mean().item())
