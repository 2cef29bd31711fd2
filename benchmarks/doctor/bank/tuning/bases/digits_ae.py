import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader

SEED = 0
torch.manual_seed(SEED)


class Encoder(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 48), nn.LeakyReLU(0.1), nn.Linear(48, code))

    def forward(self, x):
        return self.layers(x)


class Decoder(nn.Module):
    def __init__(self, code):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(code, 48), nn.LeakyReLU(0.1), nn.Linear(48, 64), nn.Sigmoid())

    def forward(self, z):
        return self.layers(z)


class AutoEncoder(nn.Module):
    def __init__(self, code=12):
        super().__init__()
        self.encoder = Encoder(code)
        self.decoder = Decoder(code)

    def forward(self, x):
        return self.decoder(self.encoder(x))


pixels = torch.tensor(load_digits().data, dtype=torch.float32) / 16.0
pixels = pixels[torch.randperm(len(pixels))]
train_x, val_x, test_x = pixels[:1200], pixels[1200:1500], pixels[1500:]
loader = DataLoader(train_x, batch_size=32, shuffle=True)

ae = AutoEncoder()
mse = nn.MSELoss()
optim = torch.optim.Adam(ae.parameters(), lr=3e-3)

for epoch in range(14):
    ae.train()
    total = 0
    for batch in loader:
        recon = ae(batch)
        loss = mse(recon, batch)
        optim.zero_grad()
        loss.backward()
        optim.step()
        total += loss.item()
    ae.eval()
    with torch.no_grad():
        val = mse(ae(val_x), val_x).item()
    print("epoch", epoch, "train mse", total / len(loader), "val mse", val)

ae.eval()
with torch.no_grad():
    explained = 1 - ((ae(test_x) - test_x) ** 2).sum() / ((test_x - train_x.mean(0)) ** 2).sum()
print("score", explained.item())
