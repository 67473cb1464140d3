"""One unbroken stretch of measuring on one machine."""
