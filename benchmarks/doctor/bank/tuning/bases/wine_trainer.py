import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

SEED = 0


class WineClassifier(nn.Module):
    def __init__(self, in_features, n_classes, width=32):
        super().__init__()
        self.inp = nn.Linear(in_features, width)
        self.mid = nn.Linear(width, width)
        self.out = nn.Linear(width, n_classes)

    def forward(self, x):
        x = F.relu(self.inp(x))
        x = F.dropout(x, p=0.3, training=self.training)
        x = F.relu(self.mid(x))
        return F.log_softmax(self.out(x), dim=1)


class Trainer:
    def __init__(self, model, train_loader, val_loader, lr=0.05, max_epochs=40):
        self.model = model
        self.train_loader = train_loader
        self.val_loader = val_loader
        self.max_epochs = max_epochs
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=lr, momentum=0.9)
        self.history = []

    def fit(self):
        for epoch in range(self.max_epochs):
            train_loss = self._train_epoch()
            val_loss, val_acc = self.validate(self.val_loader)
            self.history.append((train_loss, val_loss))
            if epoch % 5 == 4:
                print("epoch %d: train %.4f, val %.4f, val acc %.3f" % (epoch, train_loss, val_loss, val_acc))
        return self

    def _train_epoch(self):
        self.model.train()
        total = 0.0
        for features, target in self.train_loader:
            total += self._step(features, target)
        return total / len(self.train_loader)

    def _step(self, features, target):
        self.optimizer.zero_grad()
        output = self.model(features)
        loss = F.nll_loss(output, target)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    @torch.no_grad()
    def validate(self, loader):
        self.model.eval()
        losses, hits, n = 0.0, 0, 0
        for features, target in loader:
            output = self.model(features)
            losses += F.nll_loss(output, target, reduction="sum").item()
            hits += int((output.argmax(-1) == target).sum())
            n += len(target)
        return losses / n, hits / n


def make_loader(x, y, shuffle):
    ds = TensorDataset(torch.as_tensor(x, dtype=torch.float32), torch.as_tensor(y))
    return DataLoader(ds, batch_size=8, shuffle=shuffle)


if __name__ == "__main__":
    torch.manual_seed(SEED)
    x, y = load_wine(return_X_y=True)
    x_tr, x_te, y_tr, y_te = train_test_split(x, y, test_size=0.3, random_state=SEED, stratify=y)
    x_tr, x_va, y_tr, y_va = train_test_split(x_tr, y_tr, test_size=0.2, random_state=SEED, stratify=y_tr)
    scaler = StandardScaler().fit(x_tr)
    train_loader = make_loader(scaler.transform(x_tr), y_tr, shuffle=True)
    val_loader = make_loader(scaler.transform(x_va), y_va, shuffle=False)
    test_loader = make_loader(scaler.transform(x_te), y_te, shuffle=False)

    net = WineClassifier(x.shape[1], 3)
    trainer = Trainer(net, train_loader, val_loader)
    trainer.fit()
    print("score", round(trainer.validate(test_loader)[1], 4))
