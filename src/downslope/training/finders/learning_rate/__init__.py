"""Find a learning rate: the range test, short trainings, the limit that curvature sets."""
