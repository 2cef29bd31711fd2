"""Conditional batch normalization steers a frozen net: one net answers four questions.

Protocol: the digits, 1297 to train on, each with one of four questions drawn at random (is it even, is it
above 4, is it a prime, is it one of 0, 6, 8, 9). Two random 3 by 3 convolutions (32 and 64 channels) are
frozen; each is followed by batch normalization, ReLU and pooling, and a linear layer answers yes or no. Gain
and bias and the linear layer are trained, 15 epochs of SGD at the learning rate 0.03 with momentum 0.9; they
are shared by the questions, or gain and bias belong to each question. The shared net does not see the
question: what it can reach is the answer that most questions have in common.

Source: de Vries et al. 2017, section 3 (a frozen net, modulated by the question).
"""

import torch
from torch import nn
from torch.nn import functional as F

from vademecum.nn import BatchNorm2d, batch_to_conditional

from ._digits import digits, seeded
from ._outcome import Outcome

QUESTIONS = {
    "even": (0, 2, 4, 6, 8),
    "above 4": (5, 6, 7, 8, 9),
    "prime": (2, 3, 5, 7),
    "round": (0, 6, 8, 9),
}


def frozen_net() -> nn.Sequential:
    """Build the net; its convolutions do not learn."""
    net = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(256, 2),
    )  # fmt: skip
    for layer in (net[0], net[4]):
        layer.requires_grad_(False)
    return net


def claim(seed: int) -> Outcome:
    """Train the net with shared and with conditional gain and bias.

    Args:
        seed: of split, questions, initialization and order.

    Returns:
        Test accuracies by question.
    """
    measured: dict[str, float] = {}
    with seeded(seed):
        data = digits()
        answers = torch.tensor([[digit in said for digit in range(10)] for said in QUESTIONS.values()]).long()
        asked = torch.randint(len(QUESTIONS), (len(data.x),))
        for name, conditions in (("shared", 1), ("conditional", len(QUESTIONS))):
            net = batch_to_conditional(frozen_net(), num_conditions=conditions, freeze=False)
            optimizer = torch.optim.SGD(
                [p for p in net.parameters() if p.requires_grad], lr=0.03, momentum=0.9
            )
            for _ in range(15):
                for chosen in torch.randperm(len(data.x))[:1280].split(64):
                    optimizer.zero_grad()
                    target = answers[asked[chosen], data.y[chosen]]
                    F.cross_entropy(net(data.x[chosen], asked[chosen] % conditions), target).backward()
                    optimizer.step()
            net.eval()
            for i, question in enumerate(QUESTIONS):
                with torch.no_grad():
                    said = net(data.test_x, torch.full((len(data.test_x),), i % conditions)).argmax(1)
                right = said == answers[i, data.test_y]
                measured[f"accuracy, {question}, {name}"] = float(right.float().mean())
    gains = [measured[f"accuracy, {q}, conditional"] - measured[f"accuracy, {q}, shared"] for q in QUESTIONS]
    return Outcome(
        says="a frozen net is steered by what it is asked, through nothing but gain and bias of its batch norms",
        measured=measured,
        holds=min(gains) > 0.1 and min(measured[f"accuracy, {q}, conditional"] for q in QUESTIONS) > 0.75,
        expected="every question answered above 0.75, and better by more than 0.1 than without knowing the question",
    )
