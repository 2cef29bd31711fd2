"""Models: whole predictors, each as its paper has it."""

from .nearest_neighbors import KNearestNeighbors as KNearestNeighbors
