"""The catalogue: cards, references, searching, errors. Nothing in here imports torch."""
