"""The only door to SQL."""
