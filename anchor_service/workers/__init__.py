"""The loops that seal and anchor."""
