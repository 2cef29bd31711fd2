"""A small convolutional network on the 8x8 digits."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
EPOCHS = 7


class DigitNet(nn.Module):
    def __init__(self, width=12, dropout=0.25):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(2 * width)
        self.fc1 = nn.Linear(2 * width * 4, 48)
        self.fc2 = nn.Linear(48, 10)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = x.flatten(1)
        x = self.drop(F.relu(self.fc1(x)))
        return self.fc2(x)


def make_loaders(batch_size=32):
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16.0
    labels = torch.tensor(digits.target)
    order = torch.randperm(len(images))
    parts = order[:1000], order[1000:1300], order[1300:]
    train, val, test = (TensorDataset(images[part], labels[part]) for part in parts)
    train_loader = DataLoader(train, batch_size=batch_size, shuffle=True, drop_last=True)
    return train_loader, DataLoader(val, batch_size=100), DataLoader(test, batch_size=100)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    hits = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    return hits / len(loader.dataset)


def main():
    torch.manual_seed(SEED)
    train_loader, val_loader, test_loader = make_loaders()
    model = DigitNet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.8)
    for epoch in range(EPOCHS):
        model.train()
        running = 0.0
        for images, labels in train_loader:
            optimizer.zero_grad()
            scores = model(images)
            loss = F.cross_entropy(scores, labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
        scheduler.step()
        print(
            f"[{epoch + 1}/{EPOCHS}] loss {running / len(train_loader):.3f} val {accuracy(model, val_loader):.3f}"
        )
    print("score", accuracy(model, test_loader))


if __name__ == "__main__":
    main()
