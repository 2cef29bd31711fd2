import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Digits(Dataset):
    def __init__(self, rows):
        images, labels = load_digits(return_X_y=True)
        self.images = torch.tensor(images, dtype=torch.float32)[rows]
        self.labels = torch.tensor(labels)[rows]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        image = self.images[i]
        image /= 16  # wrong
        # right: image = image / 16
        return image, self.labels[i]


torch.manual_seed(0)
train, test = DataLoader(Digits(slice(0, 1500)), 60, shuffle=True), DataLoader(Digits(slice(1500, None)), 297)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for _ in range(8):
    for image, label in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(image), label)
        loss.backward()
        optimizer.step()
with torch.no_grad():
    image, label = next(iter(test))
    print(f"accuracy {(model(image).argmax(1) == label).float().mean():.3f}")
