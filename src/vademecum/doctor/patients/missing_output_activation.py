import torch
from sklearn.datasets import load_breast_cancer
from torch import nn


class Diagnosis(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.inner = nn.Linear(30, width)
        self.outer = nn.Linear(width, 1)

    def forward(self, x):
        score = self.outer(torch.tanh(self.inner(x)))
        return score.squeeze(1)  # wrong
        # right: return torch.sigmoid(score).squeeze(1)


torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
order = torch.randperm(len(x))
x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y, dtype=torch.float32)[order]
x = (x - x[:400].mean(0)) / x[:400].std(0)
model = Diagnosis()
loss_fn = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for _ in range(12):
    for batch in torch.randperm(400).split(25):
        optimizer.zero_grad()
        loss = loss_fn(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = ((model(x[400:]) > 0.5) == (y[400:] > 0.5)).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
