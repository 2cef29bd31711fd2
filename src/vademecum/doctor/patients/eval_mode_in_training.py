import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y))
train, val = torch.utils.data.random_split(data, [1400, 397])
train_loader, val_loader = DataLoader(train, 70, shuffle=True), DataLoader(val, 200)

model = nn.Sequential(
    nn.Linear(64, 64, bias=False), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
loss_fn = nn.CrossEntropyLoss()


def validate():
    model.eval()
    with torch.inference_mode():
        return sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / len(val)


model.train()
for epoch in range(5):
    # right: model.train()
    for a, b in train_loader:
        loss = loss_fn(model(a), b)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    print(epoch, validate())
