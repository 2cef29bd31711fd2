"""How a run is seen: hooks and events become a record, and nothing of the run changes."""
