import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
x, y = load_wine(return_X_y=True)
x = StandardScaler().fit_transform(x)  # wrong
x_train, x_val, y_train, y_val = train_test_split(x, y, test_size=0.3, random_state=0, stratify=y)
# right: scaler = StandardScaler().fit(x_train)
# right: x_train, x_val = scaler.transform(x_train), scaler.transform(x_val)
x_train, x_val = torch.tensor(x_train).float(), torch.tensor(x_val).float()
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)

model = nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(12):
    model.train()
    for rows in torch.randperm(len(x_train)).split(16):
        loss = nn.functional.cross_entropy(model(x_train[rows]), y_train[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x_val).argmax(1) == y_val).float().mean()
print(f"validation accuracy {accuracy:.3f}")
