"""The default thresholds of the rules. They are choices of this project; each rule takes others as parameters."""

# KeepPareto: the least confidence of a step map that may remove values. Below one half it is more likely wrong than
# right about the kind, the width or the phase of the steps.
MIN_CONFIDENCE = 0.5

# DropActivations: the largest cost of an activation, as a share of the latency of the layer without it. Activations
# that fuse cost nothing; the others cost 17 % to 74 % behind a depthwise layer on XNNPACK (README).
MAX_ACTIVATION_COST = 0.1

# DropOperators: the largest latency of an operator relative to the slot's own operator, over the ratio of their OPs.
# Squeeze-and-excitation costs little more than its OPs on a CPU, and several times the block on an Ethos-U.
MAX_EXCESS = 1.5

# BindKernels: the largest share by which a bigger kernel may be slower and still count as nearly free.
NEARLY_FREE = 0.1
