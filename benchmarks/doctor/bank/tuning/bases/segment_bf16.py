"""Every pixel gets a class: background, square or disk; a tiny encoder-decoder in bfloat16."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

SEED = 0
IGNORE = 255


class Blobs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        rows, cols = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
        self.images, self.masks = [], []
        for _ in range(n):
            image = torch.rand(16, 16, generator=g) * 0.5
            mask = torch.zeros(16, 16, dtype=torch.long)
            for kind in (1, 2):
                r, c = torch.randint(3, 13, (2,), generator=g).tolist()
                dr, dc = (rows - r).abs(), (cols - c).abs()
                inside = (torch.maximum(dr, dc) <= 2) if kind == 1 else (dr**2 + dc**2 <= 10)
                mask[inside] = kind
                image[inside] += 0.6 if kind == 1 else 0.9
            image += 0.1 * torch.randn(16, 16, generator=g)
            mask[0], mask[-1], mask[:, 0], mask[:, -1] = (
                IGNORE,
                IGNORE,
                IGNORE,
                IGNORE,
            )  # nobody labeled the border
            self.images.append(image[None])
            self.masks.append(mask)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return (self.images[i] - 0.35) / 0.35, self.masks[i]


def block(cin, cout):
    return nn.Sequential(nn.Conv2d(cin, cout, 3, padding=1), nn.BatchNorm2d(cout), nn.ReLU())


class TinyUNet(nn.Module):
    def __init__(self, classes=3, ch=12):
        super().__init__()
        self.down1, self.down2 = block(1, ch), block(ch, 2 * ch)
        self.up = block(3 * ch, ch)
        self.out = nn.Conv2d(ch, classes, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        b = F.interpolate(b, scale_factor=2, mode="nearest")
        return self.out(self.up(torch.cat([a, b], dim=1)))


@torch.no_grad()
def mean_iou(net, loader):
    net.eval()
    inter, union = torch.zeros(3), torch.zeros(3)
    for x, mask in loader:
        guess, known = net(x).argmax(1), mask != IGNORE
        for k in range(3):
            a, b = (guess == k) & known, (mask == k) & known
            inter[k] += (a & b).sum()
            union[k] += (a | b).sum()
    return (inter / union.clamp(min=1)).mean().item()


def main():
    torch.manual_seed(SEED)
    train = DataLoader(Blobs(320, SEED * 3 + 1), batch_size=16, shuffle=True)
    val = DataLoader(Blobs(60, SEED * 3 + 2), batch_size=60)
    test = DataLoader(Blobs(120, SEED * 3 + 3), batch_size=60)
    net = TinyUNet()
    opt = torch.optim.Adam(net.parameters(), lr=5e-3)
    for epoch in range(6):
        net.train()
        for x, mask in train:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                logits = net(x)
                loss = F.cross_entropy(logits, mask, ignore_index=IGNORE)
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(f"epoch {epoch}: loss {loss.item():.3f}, val IoU {mean_iou(net, val):.3f}")
    print("score", mean_iou(net, test))


if __name__ == "__main__":
    main()
