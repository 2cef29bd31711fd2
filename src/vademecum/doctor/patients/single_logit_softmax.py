import torch
from sklearn.datasets import make_moons
from torch import nn

torch.manual_seed(0)
points, labels = make_moons(600, noise=0.15, random_state=0)
points = torch.tensor(points, dtype=torch.float32)
labels = torch.tensor(labels, dtype=torch.float32)[:, None]

model = nn.Sequential(
    nn.Linear(2, 24),
    nn.Tanh(),
    nn.Linear(24, 1),
    nn.Softmax(dim=1),  # wrong
    # right: nn.Sigmoid(),
)
loss_fn = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
for _ in range(12):
    for batch in torch.randperm(450).split(30):
        loss = loss_fn(model(points[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = ((model(points[450:]) > 0.5) == (labels[450:] > 0.5)).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
