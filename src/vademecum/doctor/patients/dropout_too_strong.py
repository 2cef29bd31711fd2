import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn

KEEP = 0.9
torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x, y = torch.tensor((x - x.mean(0)) / x.std(0), dtype=torch.float32), torch.tensor(y)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(13, 24), nn.Linear(24, 24), nn.Linear(24, 3)

    def forward(self, x):
        p = KEEP  # wrong
        # right: p = 1 - KEEP
        x = F.dropout(F.relu(self.a(x)), p, self.training)
        x = F.dropout(F.relu(self.b(x)), p, self.training)
        return F.log_softmax(self.c(x), dim=-1)


model = Classifier()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(20):
    model.train()
    for batch in torch.randperm(len(x)).split(16):
        optimizer.zero_grad()
        loss = F.nll_loss(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
    print(epoch, f"{loss.item():.3f}")
