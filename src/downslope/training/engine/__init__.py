"""The engine: batches, the compiled step, the state of a training, populations, evaluation, progress."""
