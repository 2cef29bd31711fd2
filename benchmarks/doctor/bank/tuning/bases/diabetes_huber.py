# %% imports
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score

SEED = 0
torch.manual_seed(SEED)

# %% data: ten features, one number to predict
X, y = load_diabetes(return_X_y=True, scaled=False)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
order = torch.randperm(len(X), generator=torch.Generator().manual_seed(SEED))
train_ids, val_ids, test_ids = order[:280], order[280:350], order[350:]

x_mean, x_std = X[train_ids].mean(0), X[train_ids].std(0)
y_mean, y_std = y[train_ids].mean(), y[train_ids].std()
X = (X - x_mean) / x_std
t = (y - y_mean) / y_std

# %% model
net = nn.Sequential(
    nn.Linear(10, 24),
    nn.Tanh(),
    nn.Dropout(0.1),
    nn.Linear(24, 12),
    nn.Tanh(),
    nn.Linear(12, 1),
)
loss_fn = nn.HuberLoss(delta=1.0)
opt = torch.optim.RMSprop(net.parameters(), lr=2e-3, weight_decay=1e-3)
sched = torch.optim.lr_scheduler.StepLR(opt, step_size=10, gamma=0.5)

# %% training
for epoch in range(30):
    net.train()
    shuffled = train_ids[torch.randperm(len(train_ids))]
    losses = []
    for ids in shuffled.split(20):
        pred = net(X[ids]).squeeze(-1)
        loss = loss_fn(pred, t[ids])
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    sched.step()
    net.eval()
    with torch.no_grad():
        val_loss = loss_fn(net(X[val_ids]).squeeze(-1), t[val_ids]).item()
    if epoch % 3 == 0:
        print("epoch", epoch, "train", round(sum(losses) / len(losses), 4), "val", round(val_loss, 4))

# %% test
net.eval()
with torch.no_grad():
    prediction = net(X[test_ids]).squeeze(-1) * y_std + y_mean
print("score", float(r2_score(y[test_ids].numpy(), prediction.numpy())))
