import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

set_seed(0)
accelerator = Accelerator(gradient_accumulation_steps=2)
model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Dropout(0.2), nn.Linear(50, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
train_set = TensorDataset(torch.randn(400, 10), torch.randint(2, (400,)))
eval_set = TensorDataset(torch.randn(100, 10), torch.randint(2, (100,)))
train_dl, eval_dl = DataLoader(train_set, 32, shuffle=True), DataLoader(eval_set, 32)
model, optimizer, train_dl, eval_dl = accelerator.prepare(model, optimizer, train_dl, eval_dl)
for epoch in range(3):
    model.train()
    for x, y in train_dl:
        with accelerator.accumulate(model):
            loss = nn.functional.cross_entropy(model(x), y)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    hits = 0
    for x, y in eval_dl:
        with torch.no_grad():
            predictions = model(x).argmax(dim=-1)
        predictions, references = accelerator.gather_for_metrics((predictions, y))
        hits += (predictions == references).sum().item()
