import torch
from torch import nn

torch.manual_seed(0)


def run_epoch(model, loader, criterion, optimizer=None):
    training = optimizer is not None
    model.train(training)
    total, count = 0.0, 0
    with torch.set_grad_enabled(training):
        for x, y in loader:
            out = model(x)
            loss = criterion(out, y)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(x)
            count += len(x)
    return total / count


def fit(train_loader, val_loader):
    model = nn.Sequential(nn.Linear(10, 32, bias=False), nn.BatchNorm1d(32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    for epoch in range(20):
        train_loss = run_epoch(model, train_loader, nn.MSELoss(), optimizer)
        val_loss = run_epoch(model, val_loader, nn.MSELoss())
    return model, train_loss, val_loss
