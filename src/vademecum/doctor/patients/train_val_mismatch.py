import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
images, labels = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1), torch.tensor(digits.target)
x_train, x_val = images[:1400] / 16, images[1400:]  # wrong
# right: x_train, x_val = images[:1400] / 16, images[1400:] / 16
y_train, y_val = labels[:1400], labels[1400:]

net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)


def validate():
    net.eval()
    with torch.no_grad():
        return (net(x_val).argmax(1) == y_val).float().mean().item()


for epoch in range(4):
    net.train()
    for rows in torch.randperm(1400).split(40):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x_train[rows]), y_train[rows]).backward()
        optimizer.step()
    print(f"epoch {epoch}: validation accuracy {validate():.3f}")
