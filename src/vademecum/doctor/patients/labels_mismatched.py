import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x).float() / 16, torch.tensor(y)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
x_train = x_train[torch.randperm(1500)]  # wrong

loader = DataLoader(TensorDataset(x_train, y_train), batch_size=50, shuffle=True)
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for _ in range(8):
    for features, label in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(features), label)
        loss.backward()
        optimizer.step()
print(f"accuracy {(model(x_test).argmax(1) == y_test).float().mean():.3f}")
