import random
from collections import deque

import torch
import torch.nn.functional as F
from torch import nn

random.seed(0)
torch.manual_seed(0)


class QNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 2))

    def forward(self, x):
        return self.layers(x)


policy_net, target_net = QNet(), QNet()
target_net.load_state_dict(policy_net.state_dict())
optimizer = torch.optim.AdamW(policy_net.parameters(), lr=1e-4, amsgrad=True)
memory = deque(maxlen=10000)


def optimize_model():
    if len(memory) < 128:
        return
    state, action, reward, following = map(torch.stack, zip(*random.sample(memory, 128)))
    q = policy_net(state).gather(1, action)
    with torch.no_grad():
        value = target_net(following).max(1).values
    loss = F.smooth_l1_loss(q, (reward + 0.99 * value).unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
    optimizer.step()


def train(env):
    for episode in range(100):
        state, done = env.reset(), False
        while not done:
            with torch.no_grad():
                action = policy_net(state).argmax(1)
            following, reward, done = env.step(action)
            memory.append((state, action, reward, following))
            state = following
            optimize_model()
