"""From the text of options to what it stands for."""
