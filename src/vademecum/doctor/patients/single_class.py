import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
data = load_breast_cancer()
x = torch.tensor(data.data, dtype=torch.float32)
names = [str(data.target_names[i]) for i in data.target]
malignant = [name == "Malignant" for name in names]  # wrong
# right: malignant = [name == "malignant" for name in names]
y = torch.tensor(malignant).float()
order = torch.randperm(len(x))
train, test = order[:400], order[400:]
x = (x - x[train].mean(0)) / x[train].std(0)

model = nn.Sequential(nn.Linear(30, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for _ in range(6):
    for xb, yb in DataLoader(TensorDataset(x[train], y[train]), batch_size=32, shuffle=True):
        loss = nn.functional.binary_cross_entropy_with_logits(model(xb), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    print(f"test accuracy {((model(x[test]) > 0).float() == y[test]).float().mean():.3f}")
