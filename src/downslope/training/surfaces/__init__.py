"""A network's loss over rows as a surface over its parameters."""
