import torch
from torch import nn
from torch.autograd import Function

torch.manual_seed(0)


class Bell(Function):
    """exp(-x^2)"""

    @staticmethod
    def forward(ctx, x):
        y = torch.exp(-x * x)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, grad):
        x, y = ctx.saved_tensors
        return grad * 2 * x * y  # wrong
        # right: return grad * -2 * x * y


class RadialNet(nn.Module):
    def __init__(self, units=40):
        super().__init__()
        self.centers = nn.Linear(1, units)
        self.out = nn.Linear(units, 1)

    def forward(self, x):
        return self.out(Bell.apply(self.centers(x)))


x = torch.rand(500, 1) * 6 - 3
y = torch.sin(2 * x)
model = RadialNet()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(250):
    rows = torch.randint(0, 400, (64,))
    loss = nn.functional.mse_loss(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("held-out", nn.functional.mse_loss(model(x[400:]), y[400:]).item())
