"""Who is watched: models and optimizers are taken up, and their parameters get names."""

import torch
from torch import nn

from .figures import SAMPLE, strided
from .naming import free, within
from .record import Record


def add_model(record: Record, model: nn.Module, name: str = "") -> None:
    """Take up a model; its parameters get names, with its own name before them where there are several models."""
    if any(model is known for known in record.models.values()):
        return
    name = name or free(type(model).__name__.lower() if record.models else "model", record.models)
    record.models[name] = model
    if len(record.models) == 2:  # names so far had no prefix
        record.prefixed(next(iter(record.models)))
    prefix = f"{name}." if len(record.models) > 1 else ""
    for key, parameter in model.named_parameters():
        if isinstance(parameter, nn.parameter.UninitializedParameter) or id(parameter) in record.names:
            continue
        record.names[id(parameter)] = prefix + key
        record.parameters[prefix + key] = parameter
        record.start[prefix + key] = strided(parameter, SAMPLE).clone()


def add_optimizer(record: Record, optimizer: torch.optim.Optimizer) -> int:
    """Take up an optimizer and say its place."""
    for place, known in enumerate(record.optimizers):
        if known is optimizer:
            return place
    record.optimizers.append(optimizer)
    return len(record.optimizers) - 1


def take_up(record: Record, module: nn.Module) -> None:
    """Take up a model that was met, unless it is a part of one that is known."""
    if not any(within(module, known) for known in record.models.values()):
        add_model(record, module)


def name_of(record: Record, module: nn.Module) -> str | None:
    """The model that a module is, or is a part of."""
    models = record.models
    whole = next((name for name, model in models.items() if model is module), None)
    return whole or next((name for name, model in models.items() if within(module, model)), None)
