import torch
from torch import nn

torch.manual_seed(0)
trunk = nn.Sequential(nn.Linear(12, 32), nn.ReLU())
heads = nn.ModuleDict({"kind": nn.Linear(32, 4), "size": nn.Linear(32, 1), "flags": nn.Linear(32, 6)})
parameters = [
    {"params": trunk.parameters(), "lr": 1e-3},
    {"params": heads.parameters(), "lr": 1e-2, "weight_decay": 0.0},
]
optimizer = torch.optim.AdamW(parameters)
losses = {"kind": nn.CrossEntropyLoss(), "size": nn.MSELoss(), "flags": nn.BCEWithLogitsLoss()}
for step in range(100):
    x = torch.randn(16, 12)
    targets = {
        "kind": torch.randint(4, (16,)),
        "size": torch.randn(16, 1),
        "flags": torch.randint(2, (16, 6)).float(),
    }
    h = trunk(x)
    total = 0
    for name, head in heads.items():
        loss = losses[name](head(h), targets[name])
        total += loss
    optimizer.zero_grad()
    total.backward()
    optimizer.step()
