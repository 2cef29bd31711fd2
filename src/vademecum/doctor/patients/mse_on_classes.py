import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
x, species = load_iris(return_X_y=True)
order = torch.randperm(len(x))
x, species = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(species)[order]
x = (x - x[:110].mean(0)) / x[:110].std(0)
OUTPUTS = 1  # wrong
# right: OUTPUTS = 3

model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, OUTPUTS))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _ in range(25):
    for batch in torch.randperm(110).split(10):
        loss = F.mse_loss(model(x[batch]).squeeze(1), species[batch].float())  # wrong
        # right: loss = F.cross_entropy(model(x[batch]), species[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    guess = model(x[110:]).squeeze(1).round()  # wrong
    # right: guess = model(x[110:]).argmax(1)
print(f"held-out accuracy {(guess == species[110:]).float().mean():.3f}")
