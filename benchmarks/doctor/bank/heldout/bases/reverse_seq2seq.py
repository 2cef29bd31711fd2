"""Write a word backwards: an encoder and a decoder of LSTM cells with teacher forcing."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SEED = 0
SYMBOLS = 8
BOS = SYMBOLS
LENGTH = 5


class Encoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS + 1, hidden)
        self.lstm = nn.LSTM(hidden, hidden)

    def forward(self, source):
        _, state = self.lstm(self.embed(source))
        return state


class Decoder(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS + 1, hidden)
        self.lstm = nn.LSTM(hidden, hidden)
        self.out = nn.Linear(hidden, SYMBOLS)

    def forward(self, tokens, state):
        output, state = self.lstm(self.embed(tokens), state)
        return F.log_softmax(self.out(output), dim=-1), state


def batch(size, generator):
    """Words of shape (time, batch), and the same words backwards."""
    source = torch.randint(SYMBOLS, (LENGTH, size), generator=generator)
    return source, source.flip(0)


def greedy(encoder, decoder, source):
    state = encoder(source)
    token = torch.full((1, source.shape[1]), BOS)
    written = []
    for _ in range(LENGTH):
        logp, state = decoder(token, state)
        token = logp.argmax(-1)
        written.append(token)
    return torch.cat(written)


def train():
    torch.manual_seed(SEED)
    stream = torch.Generator().manual_seed(SEED + 100)
    held = torch.Generator().manual_seed(SEED + 7777)
    encoder, decoder = Encoder(64), Decoder(64)
    enc_opt = torch.optim.Adam(encoder.parameters(), lr=8e-3)
    dec_opt = torch.optim.Adam(decoder.parameters(), lr=8e-3)
    criterion = nn.NLLLoss()
    for iteration in range(1, 301):
        source, target = batch(64, stream)
        start = torch.full((1, 64), BOS)
        inputs = torch.cat([start, target[:-1]])
        enc_opt.zero_grad()
        dec_opt.zero_grad()
        state = encoder(source)
        logp, _ = decoder(inputs, state)
        loss = criterion(logp.reshape(-1, SYMBOLS), target.reshape(-1))
        loss.backward()
        for net in (encoder, decoder):
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        enc_opt.step()
        dec_opt.step()
        if iteration % 60 == 0:
            print(f"iteration {iteration}, loss {loss.item():.4f}")
    with torch.no_grad():
        source, target = batch(400, held)
        return (greedy(encoder, decoder, source) == target).float().mean().item()


print("score", train())
