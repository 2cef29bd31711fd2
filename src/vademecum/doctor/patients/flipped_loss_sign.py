import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(0)
x, y = load_iris(return_X_y=True)
order = torch.randperm(len(x))
x, y = torch.tensor(x, dtype=torch.float32)[order], torch.tensor(y)[order]
x = (x - x[:110].mean(0)) / x[:110].std(0)

model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3), nn.LogSoftmax(dim=1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for _ in range(20):
    for batch in torch.randperm(110).split(10):
        log_p = model(x[batch])
        likelihood = log_p.gather(1, y[batch, None])
        loss = likelihood.mean()  # wrong
        # right: loss = -likelihood.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(x[110:]).argmax(1) == y[110:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
