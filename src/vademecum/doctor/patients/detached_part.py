import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
data = load_digits()
x = torch.tensor(data.images, dtype=torch.float32)[:, None] / 16
y = torch.tensor(data.target)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.classifier = nn.Linear(108, 10)

    def forward(self, x):
        h = self.features(x)
        return self.classifier(h.detach())  # wrong
        # right: return self.classifier(h)


net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3)
for _ in range(4):
    for batch in torch.randperm(1400).split(50):
        loss = F.cross_entropy(net(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (net(x[1400:]).argmax(1) == y[1400:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
