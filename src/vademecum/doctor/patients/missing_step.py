import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(0)
features, classes = load_wine(return_X_y=True)
features = torch.tensor(features, dtype=torch.float32)
classes = torch.tensor(classes)
order = torch.randperm(len(classes))
train, test = order[:130], order[130:]
features = (features - features[train].mean(0)) / features[train].std(0)

model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for _ in range(12):
    for rows in train[torch.randperm(130)].split(10):
        opt.zero_grad()
        loss = loss_fn(model(features[rows]), classes[rows])
        loss.backward()
        # right: opt.step()
    opt.step()  # wrong
with torch.no_grad():
    hits = (model(features[test]).argmax(1) == classes[test]).float()
print("held-out accuracy", hits.mean().item())
