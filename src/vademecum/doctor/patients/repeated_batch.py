import torch
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) * 20, torch.tensor(y, dtype=torch.float32)
y = (y - y[:350].mean()) / y[:350].std()
loader = DataLoader(TensorDataset(x[:350], y[:350]), batch_size=25)

model = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _ in range(10):
    batches = iter(loader)
    for _ in range(len(loader)):
        features, target = next(iter(loader))  # wrong
        # right: features, target = next(batches)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(features).squeeze(1), target)
        loss.backward()
        optimizer.step()
with torch.no_grad():
    error = (model(x[350:]).squeeze(1) - y[350:]).square().mean()
print(f"test error {error:.3f}")
