"""A small convolutional network on the 8x8 digits."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

SEED = 0
BATCH = 50
EPOCHS = 10


class ConvNet(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        )
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Linear(32 * 4, num_classes)

    def forward(self, images):
        h = self.features(images)
        h = self.pool(h).flatten(1)
        return self.classifier(h)


def get_loaders():
    data = load_digits()
    images = torch.tensor(data.images, dtype=torch.float32).unsqueeze(1) / 16
    images = (images - 0.5) / 0.5
    labels = torch.tensor(data.target)
    full = TensorDataset(images, labels)
    gen = torch.Generator().manual_seed(SEED)
    train_set, val_set, test_set = random_split(full, [1200, 297, 300], generator=gen)
    train_loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=BATCH)
    test_loader = DataLoader(test_set, batch_size=BATCH)
    return train_loader, val_loader, test_loader


def param_groups(model, weight_decay):
    decay, no_decay = [], []
    for p in model.parameters():
        (decay if p.ndim > 1 else no_decay).append(p)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]


def evaluate(model, loader):
    model.eval()
    total, correct, loss = 0, 0, 0.0
    with torch.no_grad():
        for images, labels in loader:
            logits = model(images)
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            correct += (logits.argmax(dim=1) == labels).sum().item()
            total += labels.numel()
    return loss / total, correct / total


def train_one_epoch(model, loader, optimizer, scheduler):
    model.train()
    losses = []
    for images, labels in loader:
        logits = model(images)
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    return sum(losses) / len(losses)


def main():
    torch.manual_seed(SEED)
    train_loader, val_loader, test_loader = get_loaders()
    model = ConvNet()
    optimizer = torch.optim.SGD(param_groups(model, 5e-4), lr=0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
    for epoch in range(EPOCHS):
        train_loss = train_one_epoch(model, train_loader, optimizer, scheduler)
        val_loss, val_acc = evaluate(model, val_loader)
        print(f"[{epoch}] loss={train_loss:.3f} val_loss={val_loss:.3f} val_acc={val_acc:.3f}")
    _, acc = evaluate(model, test_loader)
    print(f"score {acc:.4f}")


if __name__ == "__main__":
    main()
