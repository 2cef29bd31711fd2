import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = 0


class VAE(nn.Module):
    def __init__(self, latent_dim=6):
        super().__init__()
        self.fc_in = nn.Linear(64, 64)
        self.fc_mu = nn.Linear(64, latent_dim)
        self.fc_logvar = nn.Linear(64, latent_dim)
        self.fc_dec = nn.Linear(latent_dim, 64)
        self.fc_out = nn.Linear(64, 64)

    def encode(self, x):
        h = F.relu(self.fc_in(x))
        return self.fc_mu(h), self.fc_logvar(h)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)

    def decode(self, z):
        return torch.sigmoid(self.fc_out(F.relu(self.fc_dec(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon, x, mu, logvar):
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kld) / x.size(0)


def epoch_pass(model, loader, optimizer=None):
    training = optimizer is not None
    model.train(training)
    total = 0.0
    with torch.set_grad_enabled(training):
        for (x,) in loader:
            recon, mu, logvar = model(x)
            loss = loss_function(recon, x, mu, logvar)
            if training:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(x)
    return total / len(loader.dataset)


def main():
    torch.manual_seed(SEED)
    images = load_digits().data.astype("float32") / 16
    train, rest = train_test_split(images, test_size=0.35, random_state=SEED)
    val, test = train_test_split(rest, test_size=0.5, random_state=SEED)
    loaders = {
        name: DataLoader(TensorDataset(torch.from_numpy(part)), batch_size=64, shuffle=(name == "train"))
        for name, part in {"train": train, "val": val, "test": test}.items()
    }
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(1, 21):
        train_loss = epoch_pass(model, loaders["train"], optimizer)
        val_loss = epoch_pass(model, loaders["val"])
        print(f"====> epoch {epoch}: train {train_loss:.3f}  val {val_loss:.3f}")
    print("score", -epoch_pass(model, loaders["test"]))


if __name__ == "__main__":
    main()
