import torch
from sklearn.datasets import load_sample_image
from torch import nn

torch.manual_seed(0)
flower = torch.tensor(load_sample_image("flower.jpg"))  # (427, 640, 3) bytes
patches = flower[:416].unfold(0, 16, 16).unfold(1, 16, 16).permute(0, 1, 3, 4, 2).reshape(-1, 16, 16, 3)
y = (patches[..., 0].float().mean((1, 2)) > patches[..., 1].float().mean((1, 2))).long()
x = patches.float() / 255
x = x - 0.5  # wrong
# right: x = (x - 0.5).permute(0, 3, 1, 2)

net = nn.Sequential(
    nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 2)
)
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for _ in range(4):
    for rows in torch.randperm(800).split(40):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
print(f"accuracy {(net(x[800:]).argmax(1) == y[800:]).float().mean():.3f}")
