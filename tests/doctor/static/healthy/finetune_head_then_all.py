import torch
from torch import nn
from torchvision.models import ResNet18_Weights, resnet18

torch.manual_seed(0)
net = resnet18(weights=ResNet18_Weights.DEFAULT)
net.requires_grad_(False)
net.fc = nn.Linear(net.fc.in_features, 5)


def train(model, optimizer, loader, epochs):
    for _ in range(epochs):
        model.train()
        for m in model.modules():
            if isinstance(m, nn.BatchNorm2d):
                m.eval()
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()


def main(loader):
    train(net, torch.optim.Adam(net.fc.parameters(), lr=1e-3), loader, 2)
    net.requires_grad_(True)
    train(net, torch.optim.Adam(net.parameters(), lr=1e-5), loader, 5)
