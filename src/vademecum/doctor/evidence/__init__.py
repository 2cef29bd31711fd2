"""What the rules read out of a record: the outcome, tables of the data, the graph near the loss, further passes."""
