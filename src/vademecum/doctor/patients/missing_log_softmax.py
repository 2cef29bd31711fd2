import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 24)
        self.fc2 = nn.Linear(24, 3)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        return self.fc2(x)  # wrong
        # right: return F.log_softmax(self.fc2(x), dim=1)


torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
order = torch.randperm(len(x)).numpy()
x, y = x[order], y[order]
scaler = StandardScaler().fit(x[:130])
x, y = torch.tensor(scaler.transform(x), dtype=torch.float32), torch.tensor(y)
loader = DataLoader(TensorDataset(x[:130], y[:130]), batch_size=16, shuffle=True)

model = Classifier()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for _ in range(15):
    for xb, yb in loader:
        loss = F.nll_loss(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    accuracy = (model(x[130:]).argmax(1) == y[130:]).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
