import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, first, last):
        data = load_digits()
        self.images = (data.images[first:last] * 15).astype(np.uint8)
        self.labels = data.target[first:last]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i] // 255  # wrong
        # right: image = self.images[i] / 255
        return torch.tensor(image, dtype=torch.float32)[None], int(self.labels[i])


torch.manual_seed(0)
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for _ in range(3):
    for image, label in DataLoader(Digits(0, 1500), batch_size=50, shuffle=True):
        loss = nn.functional.cross_entropy(net(image), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    right = [
        (net(a).argmax(1) == b).float().mean() for a, b in DataLoader(Digits(1500, 1797), batch_size=297)
    ]
print(f"accuracy {right[0]:.3f}")
