import torch
from torch import nn

torch.manual_seed(0)
points = torch.randn(1024, 8)
target = torch.sin(2 * points[:, :1] + points[:, 1:2]) + 0.05 * torch.randn(1024, 1)


class Net(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.first, self.second, self.out = nn.Linear(8, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, x):
        slope = 1000.0  # wrong
        # right: slope = 1.0
        x = torch.tanh(slope * self.first(x))
        x = torch.tanh(slope * self.second(x))
        return self.out(x)


net = Net()
optimizer = torch.optim.RMSprop(net.parameters(), lr=5e-3)
for step in range(300):
    rows = torch.randint(0, 1024, (64,))
    loss = (net(points[rows]) - target[rows]).pow(2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())
