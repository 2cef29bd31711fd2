import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from torch import nn

X, y = load_breast_cancer(return_X_y=True)
y = LabelEncoder().fit_transform(y)
scores = []
for seed, (train_idx, val_idx) in enumerate(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)):
    torch.manual_seed(seed)
    prepare = make_pipeline(StandardScaler(), PCA(10))
    X_train = torch.tensor(prepare.fit_transform(X[train_idx])).float()
    X_val = torch.tensor(prepare.transform(X[val_idx])).float()
    y_train, y_val = torch.tensor(y[train_idx]).float(), torch.tensor(y[val_idx]).float()
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    opt = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(100):
        opt.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(model(X_train).squeeze(1), y_train)
        loss.backward()
        opt.step()
    with torch.no_grad():
        p = torch.sigmoid(model(X_val)).squeeze(1)
    scores.append(((p > 0.5) == y_val.bool()).float().mean().item())
mean = np.mean(scores)
