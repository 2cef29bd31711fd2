import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
x, y = load_digits(return_X_y=True)
x = 255 * x / 16  # wrong
# right: x = x / 16
x, y = torch.tensor(x, dtype=torch.float32), torch.tensor(y)
train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.layers(x).softmax(dim=1)  # wrong
        # right: return self.layers(x)


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
batches = torch.utils.data.DataLoader(
    torch.utils.data.TensorDataset(train_x, train_y), batch_size=32, shuffle=True
)
for _ in range(10):
    model.train()
    for inputs, targets in batches:
        loss = loss_fn(model(inputs), targets)
        # right: optimizer.zero_grad()
        loss.backward()
        optimizer.step()
model.eval()
with torch.no_grad():
    accuracy = (model(test_x).argmax(dim=1) == test_y).float().mean()
print(f"held-out accuracy {accuracy:.3f}")
