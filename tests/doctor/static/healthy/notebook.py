# %% [markdown]
# # Iris
# %%
%matplotlib inline
!pip install torch
import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

np.random.seed(0)
torch.manual_seed(0)
# %%
X, y = load_iris(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
sc = StandardScaler().fit(X_train)
X_train, X_test = map(lambda a: torch.tensor(sc.transform(a)).float(), (X_train, X_test))
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)
# %%
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
loss_fn = nn.CrossEntropyLoss()
optim = torch.optim.Adam(model.parameters(), lr=0.01)
history = []
for epoch in range(200):
    logits = model(X_train)
    loss = loss_fn(logits, y_train)
    optim.zero_grad()
    loss.backward()
    optim.step()
    history.append(loss.item())
# %%
with torch.no_grad():
    probs = torch.softmax(model(X_test), dim=1)
    test_acc = (probs.argmax(1) == y_test).float().mean().item()
