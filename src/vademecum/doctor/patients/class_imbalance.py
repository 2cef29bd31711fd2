import torch
from sklearn.datasets import make_classification
from torch import nn

torch.manual_seed(0)
x, y = make_classification(3000, 12, n_informative=6, weights=[0.96], class_sep=0.7, flip_y=0, random_state=1)
x, y = torch.tensor(x).float(), torch.tensor(y)
x = (x - x[:2000].mean(0)) / x[:2000].std(0)
weight = torch.ones(2)  # wrong
# right: weight = 2000 / (2 * torch.bincount(y[:2000]).float())

model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for _ in range(5):
    for rows in torch.randperm(2000).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows], weight=weight)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    guess = model(x[2000:]).argmax(1)
print(f"recall of the rare class {(guess == 1)[y[2000:] == 1].float().mean():.3f}")
