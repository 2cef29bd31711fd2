import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(x, dtype=torch.float32) / 16, torch.tensor(y))


def layer(inputs, outputs):
    made = nn.Linear(inputs, outputs)
    nn.init.constant_(made.bias, -10.0)  # wrong
    # right: nn.init.zeros_(made.bias)
    return nn.Sequential(made, nn.ReLU())


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(layer(64, 48), layer(48, 48), nn.Linear(48, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        self.criterion = nn.CrossEntropyLoss()

    def epoch(self):
        for images, labels in DataLoader(data, batch_size=64, shuffle=True):
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(images), labels)
            loss.backward()
            self.optimizer.step()
        return loss.item()


trainer = Trainer()
for i in range(9):
    print(i, trainer.epoch())
