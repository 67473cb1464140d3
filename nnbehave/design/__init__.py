"""What can be measured: operators, layers, graphs, networks, spaces, and readers of model files."""
