import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y)

body, head = nn.Sequential(nn.Linear(64, 64), nn.ReLU()), nn.Linear(64, 10)
model = nn.Sequential(body, head)
slow = torch.optim.Adam(model.parameters(), lr=1e-3)  # wrong
# right: slow = torch.optim.Adam(body.parameters(), lr=1e-3)
fast = torch.optim.Adam(head.parameters(), lr=1e-2)
for _ in range(4):
    for rows in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        for optimizer in (slow, fast):
            optimizer.zero_grad()
        loss.backward()
        for optimizer in (slow, fast):
            optimizer.step()
print("held-out", (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item())
