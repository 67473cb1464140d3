"""The parts of the SSH target: addresses, the ``ssh`` client, and the pushing of artifacts."""
