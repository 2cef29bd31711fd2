import torch
from torch import nn

torch.manual_seed(0)
device = "cuda"
model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 5)).to(device)
model = torch.compile(model)
opt = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
scaler = torch.amp.GradScaler(device)
loss_fn = nn.CrossEntropyLoss()


def batches():
    for _ in range(100):
        yield torch.randn(64, 32, device=device), torch.randint(5, (64,), device=device)


running = torch.zeros((), device=device)
for x, y in batches():
    with torch.autocast(device, dtype=torch.float16):
        logits = model(x)
        loss = loss_fn(logits, y)
    if not torch.isfinite(loss):
        continue
    opt.zero_grad(set_to_none=True)
    scaler.scale(loss).backward()
    scaler.unscale_(opt)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(opt)
    scaler.update()
    running += loss.detach()
