import numpy as np
import torch
from sklearn import datasets, preprocessing
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

SEED = 0


class CancerData(Dataset):
    def __init__(self, features, labels):
        self.features = torch.from_numpy(features).float()
        self.labels = torch.from_numpy(labels).float().unsqueeze(1)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.features[index], self.labels[index]


def build_model(n_in):
    return nn.Sequential(
        nn.Linear(n_in, 64),
        nn.LayerNorm(64),
        nn.GELU(),
        nn.Linear(64, 32),
        nn.LayerNorm(32),
        nn.GELU(),
        nn.Linear(32, 1),
    )


def predict(model, loader):
    model.eval()
    scores, truths = [], []
    with torch.no_grad():
        for x, t in loader:
            scores.append(torch.sigmoid(model(x)))
            truths.append(t)
    return torch.cat(scores).numpy().ravel(), torch.cat(truths).numpy().ravel()


def run():
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    data, target = datasets.load_breast_cancer(return_X_y=True)
    x_train, x_rest, t_train, t_rest = train_test_split(data, target, test_size=0.4, random_state=SEED)
    x_val, x_test, t_val, t_test = train_test_split(x_rest, t_rest, test_size=0.5, random_state=SEED)
    scaler = preprocessing.StandardScaler()
    x_train = scaler.fit_transform(x_train)
    x_val = scaler.transform(x_val)
    x_test = scaler.transform(x_test)

    train_dl = DataLoader(CancerData(x_train, t_train), batch_size=16, shuffle=True)
    val_dl = DataLoader(CancerData(x_val, t_val), batch_size=64)
    test_dl = DataLoader(CancerData(x_test, t_test), batch_size=64)

    model = build_model(data.shape[1])
    loss_fn = nn.BCEWithLogitsLoss()
    opt = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)

    for epoch in range(12):
        model.train()
        epoch_loss = 0.0
        for x, t in train_dl:
            logits = model(x)
            loss = loss_fn(logits, t)
            opt.zero_grad()
            loss.backward()
            opt.step()
            epoch_loss += loss.item()
        probs, truth = predict(model, val_dl)
        acc = ((probs > 0.5) == truth).mean()
        print(
            f"{epoch}: loss {epoch_loss / len(train_dl):.4f}, val acc {acc:.3f}, auc {roc_auc_score(truth, probs):.3f}"
        )

    probs, truth = predict(model, test_dl)
    test_acc = ((probs > 0.5) == truth).mean()
    print("score", float(test_acc))


run()
