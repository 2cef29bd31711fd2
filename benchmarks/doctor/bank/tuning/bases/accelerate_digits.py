import torch
import torch.nn as nn
from accelerate import Accelerator
from accelerate.utils import set_seed
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

SEED = 0
config = {"lr": 0.1, "epochs": 12, "batch_size": 48, "width": 64}


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.linear = nn.Linear(width, width)

    def forward(self, x):
        return x + self.linear(torch.relu(self.norm(x)))


class ResMLP(nn.Module):
    def __init__(self, width, depth=3):
        super().__init__()
        self.embed = nn.Linear(64, width)
        self.blocks = nn.ModuleList([Residual(width) for _ in range(depth)])
        self.final = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        x = self.embed(x)
        for block in self.blocks:
            x = block(x)
        return self.head(torch.relu(self.final(x)))


def dataset(x, y):
    return TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))


def training_function(config):
    accelerator = Accelerator(cpu=True)
    set_seed(SEED)
    x, y = load_digits(return_X_y=True)
    x = x / 16.0
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.5, random_state=SEED)
    x_val, x_test, y_val, y_test = train_test_split(x_test, y_test, test_size=0.6, random_state=SEED)
    train_dl = DataLoader(dataset(x_train, y_train), shuffle=True, batch_size=config["batch_size"])
    eval_dl = DataLoader(dataset(x_val, y_val), batch_size=128)
    test_dl = DataLoader(dataset(x_test, y_test), batch_size=128)

    model = ResMLP(config["width"])
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"], momentum=0.9, nesterov=True)
    steps = config["epochs"] * len(train_dl)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=config["lr"], total_steps=steps + 1)
    loss_fct = nn.CrossEntropyLoss(label_smoothing=0.05)

    model, optimizer, train_dl, eval_dl, test_dl, scheduler = accelerator.prepare(
        model, optimizer, train_dl, eval_dl, test_dl, scheduler
    )

    def evaluate(loader):
        model.eval()
        correct = total = 0
        for inputs, targets in loader:
            with torch.no_grad():
                outputs = model(inputs)
            predictions, references = accelerator.gather_for_metrics((outputs.argmax(dim=-1), targets))
            correct += (predictions == references).sum().item()
            total += len(references)
        return correct / total

    for epoch in range(config["epochs"]):
        model.train()
        total_loss = 0.0
        for inputs, targets in train_dl:
            outputs = model(inputs)
            loss = loss_fct(outputs, targets)
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            total_loss += loss.detach().item()
        accelerator.print(
            f"epoch {epoch}: loss {total_loss / len(train_dl):.3f}, accuracy {evaluate(eval_dl):.3f}"
        )

    accelerator.print("score", evaluate(test_dl))


if __name__ == "__main__":
    training_function(config)
