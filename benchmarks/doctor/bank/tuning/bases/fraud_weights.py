# rare events: 3 % positives, a weighted loss, balanced accuracy
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

SEED = 0
torch.manual_seed(SEED)

X, y = make_classification(
    n_samples=5000,
    n_features=16,
    n_informative=8,
    weights=[0.96],
    class_sep=1.3,
    flip_y=0.005,
    random_state=SEED,
)
Xtr, Xte, ytr, yte = train_test_split(X, y, test_size=0.4, stratify=y, random_state=SEED)
Xva, Xte, yva, yte = train_test_split(Xte, yte, test_size=0.6, stratify=yte, random_state=SEED)

prep = make_pipeline(
    StandardScaler(), QuantileTransformer(n_quantiles=100, output_distribution="normal", random_state=SEED)
)
Xtr = torch.tensor(prep.fit_transform(Xtr), dtype=torch.float32)
Xva = torch.tensor(prep.transform(Xva), dtype=torch.float32)
Xte = torch.tensor(prep.transform(Xte), dtype=torch.float32)
ytr, yva, yte = torch.tensor(ytr), torch.tensor(yva), torch.tensor(yte)

counts = torch.bincount(ytr).float()
class_weights = counts.sum() / (2 * counts)
print("class counts", counts.tolist(), "weights", class_weights.tolist())


class FraudNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(16, 64)
        self.b = nn.Linear(64, 32)
        self.c = nn.Linear(32, 2)

    def forward(self, x):
        x = F.elu(self.a(x))
        x = F.dropout(x, 0.1, self.training)
        x = F.elu(self.b(x))
        return self.c(x)


net = FraudNet()
opt = torch.optim.SGD(net.parameters(), lr=0.03, momentum=0.9, weight_decay=1e-3)


def balanced(features, truth):
    net.eval()
    with torch.inference_mode():
        return balanced_accuracy_score(truth, net(features).argmax(1))


for epoch in range(8):
    net.train()
    losses = []
    for idx in torch.randperm(len(ytr)).split(64):
        loss = F.cross_entropy(net(Xtr[idx]), ytr[idx], weight=class_weights)
        opt.zero_grad()
        loss.backward()
        opt.step()
        losses.append(loss.item())
    print(f"{epoch} loss {sum(losses) / len(losses):.3f} balanced accuracy {balanced(Xva, yva):.3f}")

print("score", balanced(Xte, yte))
