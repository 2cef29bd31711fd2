import torch
from sklearn.datasets import load_digits
from torch import nn

DEPTH = 10
torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 8 - 0.6, torch.tensor(y)

activation = nn.Sigmoid  # wrong
# right: activation = nn.GELU
layers = [nn.Linear(64, 32), activation()]
for _ in range(DEPTH - 2):
    layers += [nn.Linear(32, 32), activation()]
model = nn.Sequential(*layers, nn.Linear(32, 10))

optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()
for epoch in range(6):
    order = torch.randperm(1400)
    running = 0.0
    for i in range(0, 1400, 35):
        rows = order[i : i + 35]
        loss = loss_fn(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
    print(f"epoch {epoch}: {running / 40:.3f}")
