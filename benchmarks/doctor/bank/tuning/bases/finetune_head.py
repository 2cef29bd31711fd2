"""Pre-train on the digits 0-4, then put a new head on the frozen features for 5-9."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

SEED = 0
torch.manual_seed(SEED)

bunch = load_digits()
images = torch.tensor(bunch.data, dtype=torch.float32) / 16 - 0.3
targets = torch.tensor(bunch.target)


def task(first, last):
    keep = (targets >= first) & (targets <= last)
    x, y = images[keep], targets[keep] - first
    perm = torch.randperm(len(x))
    x, y = x[perm], y[perm]
    return (x[:500], y[:500]), (x[500:650], y[500:650]), (x[650:], y[650:])


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 24, 3, padding=1)
        self.fc = nn.Linear(24 * 4, 64)

    def forward(self, x):
        x = x.view(-1, 1, 8, 8)
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return torch.relu(self.fc(x.flatten(1)))


def fit(model, params, train, val, epochs, lr):
    optimizer = torch.optim.Adam(params, lr=lr)
    loss_fn = nn.CrossEntropyLoss()
    x, y = train
    for epoch in range(epochs):
        model.train()
        for idx in torch.randperm(len(x)).split(25):
            optimizer.zero_grad()
            loss = loss_fn(model(x[idx]), y[idx])
            loss.backward()
            optimizer.step()
        val_loss, val_acc = evaluate(model, loss_fn, *val)
        print(f"epoch {epoch} train {loss.item():.3f} val {val_loss:.3f} acc {val_acc:.3f}")


def evaluate(model, loss_fn, x, y):
    model.eval()
    with torch.no_grad():
        logits = model(x)
        return loss_fn(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


# stage 1
old_train, old_val, _ = task(0, 4)
backbone = Backbone()
pretrained = nn.Sequential(backbone, nn.Linear(64, 5))
print("pre-training")
fit(pretrained, pretrained.parameters(), old_train, old_val, epochs=6, lr=2e-3)

# stage 2
new_train, new_val, new_test = task(5, 9)
for p in backbone.parameters():
    p.requires_grad = False
head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5))
model = nn.Sequential(backbone, head)
trainable = [p for p in model.parameters() if p.requires_grad]
print("fine-tuning", sum(p.numel() for p in trainable), "parameters")
fit(model, trainable, new_train, new_val, epochs=10, lr=5e-3)

print("score", evaluate(model, nn.CrossEntropyLoss(), *new_test)[1])
