"""Squeeze the digits through eight numbers and back."""

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

SEED = 0


class Autoencoder(nn.Module):
    def __init__(self, code=8):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(64, 48), nn.LeakyReLU(0.1), nn.Linear(48, 32), nn.LeakyReLU(0.1), nn.Linear(32, code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 32),
            nn.LeakyReLU(0.1),
            nn.Linear(32, 48),
            nn.LeakyReLU(0.1),
            nn.Linear(48, 64),
            nn.Sigmoid(),
        )

    def forward(self, x):
        return self.decoder(self.encoder(x))


def explained(model, x, mean):
    """The share of the variance that the reconstruction explains."""
    with torch.no_grad():
        error = (model(x) - x).pow(2).sum()
    return 1 - (error / (x - mean).pow(2).sum()).item()


def fit(model, train, val, epochs=15, batch_size=32, lr=8e-3):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    mean = train.mean(0)
    for epoch in range(epochs):
        model.train()
        shuffled = train[torch.randperm(len(train))]
        epoch_loss = 0.0
        for x in shuffled.split(batch_size):
            recon = model(x)
            loss = nn.functional.mse_loss(recon, x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(x)
        schedule.step()
        model.eval()
        print(f"epoch {epoch} mse {epoch_loss / len(train):.5f} val R2 {explained(model, val, mean):.3f}")


def main():
    torch.manual_seed(SEED)
    pixels = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    pixels = pixels[torch.randperm(len(pixels))]
    train, val, test = pixels[:1200], pixels[1200:1450], pixels[1450:]
    model = Autoencoder()
    fit(model, train, val)
    model.eval()
    print("score", explained(model, test, train.mean(0)))


if __name__ == "__main__":
    main()
