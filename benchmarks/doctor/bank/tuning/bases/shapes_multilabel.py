"""Which shapes are in the picture? Several may be: a residual network with gradient accumulation."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
SIZE = 12
ACCUMULATE = 2


def draw(n, gen):
    images = 0.15 * torch.randn(n, 1, SIZE, SIZE, generator=gen)
    labels = (torch.rand(n, 3, generator=gen) < torch.tensor([0.5, 0.4, 0.3])).float()
    for i in range(n):
        for shape in range(3):
            if labels[i, shape] == 0:
                continue
            r, c = torch.randint(0, SIZE - 5, (2,), generator=gen).tolist()
            if shape == 0:  # a frame
                images[i, 0, r : r + 5, c] = images[i, 0, r : r + 5, c + 4] = 1.0
                images[i, 0, r, c : c + 5] = images[i, 0, r + 4, c : c + 5] = 1.0
            elif shape == 1:  # a cross
                images[i, 0, r : r + 5, c + 2] = images[i, 0, r + 2, c : c + 5] = 1.0
            else:  # a diagonal
                for k in range(5):
                    images[i, 0, r + k, c + k] = 1.0
    return images, labels


class ResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.gn1 = nn.GroupNorm(4, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.gn2 = nn.GroupNorm(4, channels)

    def forward(self, x):
        h = torch.relu(self.gn1(self.conv1(x)))
        h = self.gn2(self.conv2(h))
        return torch.relu(x + h)


class ShapeNet(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 5, padding=2)
        self.blocks = nn.Sequential(ResidualBlock(channels), nn.MaxPool2d(2), ResidualBlock(channels))
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        h = self.blocks(torch.relu(self.stem(x)))
        return self.head(h.amax(dim=(2, 3)))


def score(model, loader, loss_fn=None):
    model.eval()
    right, count, total = 0.0, 0, 0.0
    with torch.no_grad():
        for images, labels in loader:
            logits = model(images)
            if loss_fn is not None:
                total += loss_fn(logits, labels).item() * len(labels)
            right += ((logits > 0).float() == labels).float().mean(1).sum().item()
            count += len(labels)
    return right / count, total / count


def main():
    torch.manual_seed(SEED)
    gen = torch.Generator().manual_seed(SEED + 1)
    train_set = TensorDataset(*draw(900, gen))
    val_set, test_set = TensorDataset(*draw(200, gen)), TensorDataset(*draw(300, gen))
    train_loader = DataLoader(train_set, batch_size=15, shuffle=True)
    val_loader, test_loader = DataLoader(val_set, batch_size=100), DataLoader(test_set, batch_size=100)
    model = ShapeNet()
    loss_fn = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 1.5, 2.0]))
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    for epoch in range(7):
        model.train()
        optimizer.zero_grad()
        seen = 0.0
        for step, (images, labels) in enumerate(train_loader, start=1):
            logits = model(images)
            loss = loss_fn(logits, labels) / ACCUMULATE
            loss.backward()
            seen += loss.item() * ACCUMULATE
            if step % ACCUMULATE == 0:
                optimizer.step()
                optimizer.zero_grad()
        val_acc, val_loss = score(model, val_loader, loss_fn)
        print(
            f"{epoch}: train {seen / len(train_loader):.3f}, val {val_loss:.3f}, label accuracy {val_acc:.3f}"
        )
    print("score", score(model, test_loader)[0])


if __name__ == "__main__":
    main()
