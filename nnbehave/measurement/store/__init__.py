"""The database of raw measurements."""
