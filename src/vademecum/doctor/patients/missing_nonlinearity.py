import torch
from sklearn.datasets import make_moons
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
points, labels = make_moons(800, noise=0.12, random_state=0)
points, labels = torch.tensor(points, dtype=torch.float32), torch.tensor(labels)
loader = DataLoader(TensorDataset(points[:600], labels[:600]), batch_size=40, shuffle=True)


class Moons(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 32)
        self.second = nn.Linear(32, 32)
        self.third = nn.Linear(32, 2)

    def forward(self, x):
        x = self.second(self.first(x))  # wrong
        # right: x = torch.relu(self.second(torch.relu(self.first(x))))
        return self.third(x)


model = Moons()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _ in range(15):
    for xb, yb in loader:
        loss = criterion(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(points[600:]).argmax(1) == labels[600:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
