import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(0)
x, y = load_diabetes(return_X_y=True)
x, y = torch.tensor(x).float() * 20, torch.tensor(y).float()
y = (y - y[:350].mean()) / y[:350].std()
x_train, y_train, x_test, y_test = x[:350], y[:350], x[350:], y[350:]
x_train, y_train = torch.cat([x_train, x_train[:150]]), torch.cat([y_train, y_train[:150]])  # wrong

model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for _ in range(10):
    order = torch.randperm(len(x_train))
    for rows in order.split(25):
        loss = nn.functional.mse_loss(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(f"test error {(model(x_test) - y_test).square().mean():.3f}")
