"""Explainers: ``f(model, x, target, *, ...)`` gives a map like x."""

from .saliency import saliency as saliency
