"""What a run is of: its rows as they were given, its settings, and what decides the bits of its numbers."""
