"""How a latency comes about: converters, platforms, targets, sessions, the store, the engine."""
