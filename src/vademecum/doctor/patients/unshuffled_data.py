import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_iris(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
held_out = torch.arange(150) % 5 == 0
x = (x - x[~held_out].mean(0)) / x[~held_out].std(0)
train = TensorDataset(x[~held_out], y[~held_out])
loader = DataLoader(train, batch_size=10)  # wrong
# right: loader = DataLoader(train, batch_size=10, shuffle=True)

model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.LogSoftmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
for _ in range(15):
    for features, species in loader:
        loss = nn.functional.nll_loss(model(features), species)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"accuracy {(model(x[held_out]).argmax(1) == y[held_out]).float().mean():.3f}")
