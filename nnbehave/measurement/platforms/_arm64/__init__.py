"""The parts of the platform ``arm64``: its setup, the emulated cores, the program that runs under QEMU, the counter."""
