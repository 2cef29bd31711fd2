import torch
from torch import nn
from torch.utils.data import DataLoader, random_split


class Trainer:
    def __init__(self, model, dataset, lr=1e-3, epochs=5):
        generator = torch.Generator().manual_seed(0)
        n_val = len(dataset) // 5
        train_set, val_set = random_split(dataset, [len(dataset) - n_val, n_val], generator=generator)
        self.train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
        self.val_loader = DataLoader(val_set, batch_size=128)
        self.model = model
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=lr)
        self.epochs = epochs

    def train_step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def validate(self):
        self.model.eval()
        hits = 0
        with torch.inference_mode():
            for x, y in self.val_loader:
                hits += (self.model(x).argmax(dim=-1) == y).sum().item()
        self.model.train()
        return hits / len(self.val_loader.dataset)

    def fit(self):
        for _ in range(self.epochs):
            for x, y in self.train_loader:
                self.train_step(x, y)
            self.validate()


def build():
    layers = []
    for width_in, width_out in [(64, 32), (32, 16)]:
        layers += [nn.Linear(width_in, width_out), nn.ReLU(), nn.Dropout(0.1)]
    layers.append(nn.Linear(16, 10))
    return nn.Sequential(*layers)


def main(dataset):
    Trainer(build(), dataset).fit()
