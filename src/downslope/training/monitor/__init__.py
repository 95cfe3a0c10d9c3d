"""Records and measurements of a training under way: trajectories, layer statistics, curvature, noise."""
