import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils import clip_grad_norm_

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x, y = torch.tensor(x, dtype=torch.float32).view(-1, 8, 8) / 16, torch.tensor(y)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(8, 48, batch_first=True)
        self.out = nn.Linear(48, 10)

    def forward(self, x):
        return self.out(self.rnn(x)[0].mean(1))


model = Reader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for _ in range(8):
    for rows in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        clip_grad_norm_(model.parameters(), 1e-4)  # wrong
        # right: clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
with torch.no_grad():
    print("held-out", (model(x[1500:]).argmax(1) == y[1500:]).float().mean().item())
