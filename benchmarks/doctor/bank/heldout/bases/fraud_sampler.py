"""Rare fraud: a weighted sampler balances the batches, balanced accuracy judges."""

import torch
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

SEED = 0


def load():
    x, y = make_classification(
        n_samples=3200,
        n_features=16,
        n_informative=8,
        n_redundant=2,
        n_clusters_per_class=2,
        weights=[0.96],
        class_sep=1.1,
        flip_y=0.0,
        random_state=SEED,
    )
    x_fit, x_test, y_fit, y_test = train_test_split(x, y, test_size=0.3, stratify=y, random_state=SEED)
    x_train, x_val, y_train, y_val = train_test_split(
        x_fit, y_fit, test_size=0.2, stratify=y_fit, random_state=SEED
    )
    mean, std = x_train.mean(axis=0), x_train.std(axis=0)
    pairs = ((x_train, y_train), (x_val, y_val), (x_test, y_test))
    return [(torch.tensor((a - mean) / std).float(), torch.tensor(b).long()) for a, b in pairs]


class Detector(nn.Module):
    def __init__(self, n_in=16, n_hidden=40):
        super().__init__()
        self.layer1 = nn.Linear(n_in, n_hidden)
        self.layer2 = nn.Linear(n_hidden, n_hidden)
        self.layer3 = nn.Linear(n_hidden, 2)
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(p=0.15)

    def forward(self, x):
        x = self.dropout(self.activation(self.layer1(x)))
        x = self.dropout(self.activation(self.layer2(x)))
        return self.layer3(x)


def balanced(model, x, y):
    model.eval()
    with torch.no_grad():
        predicted = model(x).argmax(dim=1)
    return balanced_accuracy_score(y.numpy(), predicted.numpy())


def main():
    torch.manual_seed(SEED)
    (x_train, y_train), (x_val, y_val), (x_test, y_test) = load()
    frequency = torch.bincount(y_train).float()
    sampler = WeightedRandomSampler((1.0 / frequency)[y_train], num_samples=len(y_train))
    loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, sampler=sampler)
    model = Detector()
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for epoch in range(12):
        model.train()
        total_loss, batches = 0.0, 0
        for features, targets in loader:
            output = model(features)
            loss = loss_fn(output, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total_loss += loss.item()
            batches += 1
        print(
            f"epoch {epoch + 1} loss {total_loss / batches:.4f} balanced {balanced(model, x_val, y_val):.3f}"
        )
    print("score", balanced(model, x_test, y_test))


if __name__ == "__main__":
    main()
