import torch
from torch import nn

torch.manual_seed(0)


class Adder(nn.Module):
    """Reads two rows of numbers and adds up those of the first that the second marks."""

    def __init__(self, width=32):
        super().__init__()
        self.cell = nn.RNN(2, width, nonlinearity="relu", batch_first=True)
        nn.init.normal_(self.cell.weight_hh_l0, std=0.7)  # wrong
        # right: nn.init.eye_(self.cell.weight_hh_l0)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        states, _ = self.cell(x)
        return self.out(states[:, -1])


def batch(size=32, length=12):
    numbers = torch.rand(size, length)
    marks = (torch.rand(size, length) < 0.3).float()
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(1, keepdim=True) - 1.8


model = Adder()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
criterion = nn.MSELoss()
for step in range(250):
    x, y = batch()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(step, loss.item())
