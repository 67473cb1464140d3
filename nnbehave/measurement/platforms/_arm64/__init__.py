"""What the platform ``arm64`` is made of: an emulator, a Python and LiteRT for aarch64, a counter and a cycle model."""
