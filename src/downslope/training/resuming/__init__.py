"""A training restored from its folder, and how it goes on: its schedule, its patience."""
