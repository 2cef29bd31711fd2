"""Learn features on the digits 0-5, freeze them, and fit a new head for 6-9 on few examples."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

SEED = 0
torch.manual_seed(SEED)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(64, 80), nn.BatchNorm1d(80), nn.ReLU(), nn.Linear(80, 64), nn.BatchNorm1d(64), nn.ReLU()
        )

    def forward(self, x):
        return self.layers(x)


class Net(nn.Module):
    def __init__(self, backbone, classes):
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Linear(64, classes)

    def forward(self, x):
        return self.classifier(self.backbone(x))


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        return (net(x).argmax(1) == y).float().mean().item()


digits = load_digits()
x = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
old, new = y < 6, y >= 6
x_old, y_old = x[old], y[old]
x_new, y_new = x[new], y[new] - 6
x_few, y_few = x_new[:160], y_new[:160]
x_val, y_val = x_new[160:330], y_new[160:330]
x_test, y_test = x_new[330:], y_new[330:]

# stage 1: the old digits
loss_fn = nn.CrossEntropyLoss()
backbone = Backbone()
teacher = Net(backbone, 6)
pre_optimizer = torch.optim.Adam(teacher.parameters(), lr=2e-3)
for _ in range(4):
    teacher.train()
    for rows in torch.randperm(len(x_old)).split(32):
        pre_optimizer.zero_grad()
        loss_fn(teacher(x_old[rows]), y_old[rows]).backward()
        pre_optimizer.step()
print("old digits", accuracy(teacher, x_old, y_old))

# stage 2: the new ones, backbone frozen
for parameter in backbone.parameters():
    parameter.requires_grad = False
student = Net(backbone, 4)
optimizer = torch.optim.SGD(student.classifier.parameters(), lr=0.05, momentum=0.9)
for epoch in range(20):
    student.train()
    backbone.eval()
    epoch_loss = 0.0
    for rows in torch.randperm(len(x_few)).split(16):
        logits = student(x_few[rows])
        loss = loss_fn(logits, y_few[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() * len(rows)
    if epoch % 4 == 3:
        print(
            f"epoch {epoch + 1} loss {epoch_loss / len(x_few):.4f} val {accuracy(student, x_val, y_val):.3f}"
        )

print("score", accuracy(student, x_test, y_test))
