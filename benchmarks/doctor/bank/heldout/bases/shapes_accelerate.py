"""Crosses, boxes, bars and discs on 12x12 images, trained with accelerate and gradient accumulation."""

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = 0
SIZE = 12


class Shapes(Dataset):
    """Draws every image once, at the start."""

    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.randint(4, (count,), generator=g)
        self.images = 0.35 * torch.randn(count, 1, SIZE, SIZE, generator=g)
        rows = torch.arange(SIZE).view(-1, 1)
        cols = torch.arange(SIZE).view(1, -1)
        for i, label in enumerate(self.labels.tolist()):
            cy, cx = torch.randint(3, SIZE - 3, (2,), generator=g).tolist()
            dy, dx = (rows - cy).abs(), (cols - cx).abs()
            if label == 0:
                mask = ((dy == 0) & (dx <= 3)) | ((dx == 0) & (dy <= 3))
            elif label == 1:
                mask = torch.maximum(dy * torch.ones_like(dx), dx * torch.ones_like(dy)) == 2
            elif label == 2:
                mask = (dy <= 1) & (dx <= 3)
            else:
                mask = dy**2 + dx**2 <= 5
            self.images[i, 0] += mask.float()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.images[i], self.labels[i]


class ShapeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 12, 3, padding=1)
        self.norm1 = nn.GroupNorm(3, 12)
        self.conv = nn.Conv2d(12, 24, 3, stride=2, padding=1)
        self.norm2 = nn.GroupNorm(4, 24)
        self.act = nn.SiLU()
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.head = nn.Linear(96, 4)

    def forward(self, x):
        x = self.act(self.norm1(self.stem(x)))
        x = self.act(self.norm2(self.conv(x)))
        return self.head(self.pool(x).flatten(1))


def main():
    set_seed(SEED)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    train_dl = DataLoader(Shapes(800, SEED + 10), batch_size=16, shuffle=True)
    val_dl = DataLoader(Shapes(200, SEED + 20), batch_size=64)
    test_dl = DataLoader(Shapes(400, SEED + 30), batch_size=64)
    model = ShapeNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=8e-3, weight_decay=1e-3)
    model, optimizer, train_dl, val_dl, test_dl = accelerator.prepare(
        model, optimizer, train_dl, val_dl, test_dl
    )
    loss_function = nn.CrossEntropyLoss()

    def evaluate(dataloader):
        model.eval()
        correct, total = 0, 0
        for images, labels in dataloader:
            with torch.no_grad():
                predictions = model(images).argmax(dim=-1)
            predictions, references = accelerator.gather_for_metrics((predictions, labels))
            correct += (predictions == references).sum().item()
            total += len(references)
        return correct / total

    for epoch in range(7):
        model.train()
        for images, labels in train_dl:
            with accelerator.accumulate(model):
                loss = loss_function(model(images), labels)
                accelerator.backward(loss)
                optimizer.step()
                optimizer.zero_grad()
        accelerator.print(f"epoch {epoch}: loss {loss.item():.3f} accuracy {evaluate(val_dl):.3f}")
    accelerator.print("score", evaluate(test_dl))


if __name__ == "__main__":
    main()
