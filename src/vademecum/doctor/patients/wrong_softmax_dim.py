import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(digits.target)
train = DataLoader(TensorDataset(images[:1200], labels[:1200]), batch_size=40, shuffle=True)


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.fc = nn.Linear(8 * 16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x)), 2)
        return F.log_softmax(self.fc(x.flatten(1)), dim=0)  # wrong
        # right: return F.log_softmax(self.fc(x.flatten(1)), dim=1)


net = ConvNet()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for _ in range(5):
    net.train()
    for xb, yb in train:
        opt.zero_grad()
        loss = F.nll_loss(net(xb), yb)
        loss.backward()
        opt.step()
net.eval()
with torch.no_grad():
    accuracy = (net(images[1200:]).argmax(1) == labels[1200:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
