"""The only door to FastAPI."""
