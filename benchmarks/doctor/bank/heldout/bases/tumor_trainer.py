"""Benign or malignant: a trainer class with early stopping on the breast cancer measurements."""

import copy

import torch
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

SEED = 0


class Tumors(Dataset):
    def __init__(self):
        bunch = load_breast_cancer()
        self.x = torch.as_tensor(bunch.data, dtype=torch.float32)
        self.y = torch.as_tensor(bunch.target, dtype=torch.float32)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]

    def standardize(self, rows):
        self.x = (self.x - self.x[rows].mean(0)) / self.x[rows].std(0)


class Classifier(nn.Module):
    def __init__(self, features=30, hidden=20):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(features, hidden),
            nn.Tanh(),
            nn.Linear(hidden, hidden),
            nn.Tanh(),
        )
        self.out = nn.Linear(hidden, 1)

    def forward(self, x):
        return self.out(self.net(x)).squeeze(-1)


class Trainer:
    def __init__(self, model, train_set, val_set, lr=0.1):
        self.model = model
        self.train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=256)
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.5)
        self.best, self.best_state, self.patience = float("inf"), None, 5

    def train_epoch(self):
        self.model.train()
        total = 0.0
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            total += float(loss) * len(x)
        return total / len(self.train_loader.dataset)

    @torch.no_grad()
    def evaluate(self, loader):
        self.model.eval()
        outs, ys = zip(*[(self.model(x), y) for x, y in loader])
        out, y = torch.cat(outs), torch.cat(ys)
        return self.criterion(out, y).item(), ((out > 0) == (y > 0.5)).float().mean().item()

    def fit(self, epochs):
        waited = 0
        for epoch in range(epochs):
            train_loss = self.train_epoch()
            val_loss, val_acc = self.evaluate(self.val_loader)
            print(f"{epoch:3d} | {train_loss:.4f} | {val_loss:.4f} | {val_acc:.3f}")
            waited += 1
            if val_loss < self.best:
                self.best, self.best_state, waited = val_loss, copy.deepcopy(self.model.state_dict()), 0
            if waited > self.patience:
                break
        if self.best_state is not None:
            self.model.load_state_dict(self.best_state)


if __name__ == "__main__":
    torch.manual_seed(SEED)
    tumors = Tumors()
    train_set, val_set, test_set = random_split(tumors, [340, 100, 129])
    tumors.standardize(train_set.indices)
    trainer = Trainer(Classifier(), train_set, val_set)
    trainer.fit(25)
    _, test_accuracy = trainer.evaluate(DataLoader(test_set, batch_size=256))
    print("score", test_accuracy)
