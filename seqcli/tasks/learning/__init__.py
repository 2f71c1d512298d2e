"""What the trainer is given, head by head: the batches of the data, their loss, and the measure on dev."""
