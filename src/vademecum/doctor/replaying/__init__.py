"""A step of a run that can be taken again: recorded, understood, and played on a copy."""
