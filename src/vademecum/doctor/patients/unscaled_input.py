import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
order = torch.randperm(len(x)).numpy()
x, y = x[order], torch.tensor(y[order])
scaler = StandardScaler().fit(x[:130])
x = torch.tensor(x, dtype=torch.float32)  # wrong
# right: x = torch.tensor(scaler.transform(x), dtype=torch.float32)

model = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(25):
    for rows in torch.randperm(130).split(13):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
print(f"test accuracy {(model(x[130:]).argmax(1) == y[130:]).float().mean():.3f}")
