"""Find a batch size: costs of steps, the noise of gradients, trainings by size."""
