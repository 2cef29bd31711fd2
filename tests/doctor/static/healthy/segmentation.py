import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)


class Shapes(Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        g = torch.Generator().manual_seed(i)
        image = torch.rand(1, 32, 32, generator=g)
        return image, (image > 0.5).float()


class DoubleConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(cin, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, padding=1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True),
        )  # fmt: skip

    def forward(self, x):
        return self.block(x)


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList([DoubleConv(1, 8), DoubleConv(8, 16)])
        self.up = DoubleConv(24, 8)
        self.out = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = F.interpolate(F.max_pool2d(x, 2), scale_factor=2)
        return self.out(self.up(torch.cat([x, skips[0]], 1)))


def dice_loss(logits, target):
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)


def main():
    model = UNet()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    train_loader = DataLoader(Shapes(200), batch_size=16, shuffle=True)
    val_loader = DataLoader(Shapes(40), batch_size=16)
    for epoch in range(3):
        model.train()
        epoch_loss = 0.0
        for image, mask in train_loader:
            logits = model(image)
            loss = F.binary_cross_entropy_with_logits(logits, mask) + dice_loss(logits, mask)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += float(loss)
        model.eval()
        with torch.no_grad():
            scores = [((model(i) > 0) == (m > 0.5)).float().mean() for i, m in val_loader]
        val_score = torch.stack(scores).mean()
    return val_score


if __name__ == "__main__":
    main()
