import torch
from torch import nn

torch.manual_seed(0)
rnn, readout = nn.LSTM(1, 32, batch_first=True), nn.Linear(32, 1)
params = list(rnn.parameters()) + list(readout.parameters())
optimizer = torch.optim.Adam(params, lr=1e-2)
series = torch.sin(torch.linspace(0, 60, 1201))[None, :, None]
for epoch in range(20):
    state = None
    for start in range(0, 1200, 50):
        x, y = series[:, start : start + 50], series[:, start + 1 : start + 51]
        if state is not None:
            state = tuple(s.detach() for s in state)
        out, state = rnn(x, state)
        loss = nn.functional.mse_loss(readout(out), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
