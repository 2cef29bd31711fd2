import torch
from sklearn.datasets import load_breast_cancer
from torch import nn

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)[:, None]
x = (x - x[:400].mean(0)) / x[:400].std(0)

BATCH = 2  # wrong
# right: BATCH = 40
model = nn.Sequential(nn.Linear(30, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for _ in range(200):
    rows = torch.randint(0, 400, (BATCH,))
    loss = nn.functional.binary_cross_entropy_with_logits(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
model.eval()
with torch.no_grad():
    print("held-out", ((model(x[400:]) > 0) == (y[400:] > 0.5)).float().mean().item())
