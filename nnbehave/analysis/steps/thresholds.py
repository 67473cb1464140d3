"""Every threshold of the detector and of the search, with its derivation or its measurement (a list: over 350 lines).

Names in code read ``thresholds.NAME``. Prices and margins are in units of BIC: 2 is a factor e in the odds. "σ" is one
standard error. Guards against division by zero are no thresholds; they stand where they are needed.
"""

from __future__ import annotations

# ---------------------------------------------------------------------- the points

FEWEST_POINTS = 8
LARGEST_N = 2**20
MAX_WIDTH = 128

SMALLEST_NOISE = 1e-4
MODEL_ERROR = 0.003
SHARE_OF_GIVEN_ERROR = 0.9
FEWEST_FREE_SHARE = 0.2

# ---------------------------------------------------------------------- outliers

DRAWN_IN_SIGMAS = 3.0
DRAWN_IN_LEAST = 0.005
OUTLIER_SIGMAS = 4.5
OUTLIER_WINDOW = 5
OUTLIERS_IN_WINDOW = 2
LONGEST_EXCURSION = 12
FAST_KERNEL_GAIN = 0.08
FAST_KERNEL_STEPS = 3
MANY_OUTLIERS = 0.04
TOO_MANY_OUTLIERS = 0.2
OUTLIER_PASSES = 3
NOISE_SETTLED = 0.1
LOWEST_LAW = 0.1
LOWEST_LAW_BETWEEN = 1e-3

# ---------------------------------------------------------------------- candidates

SCANNED_PERIODS = 3
SCANNED_BEST = (6, 4, 2, 2, 2)
NESTED_PERIODS = 8
PATTERN_WIDTHS = 3
NARROWEST_PATTERN = 4
PATTERN_POINTS_PER_PLACE = 4
GROWTH_PERIODS = 6
GROWTH_POINTS = 3
LIKELY_FAMILIES = 8
FEW_PLACES = 3
FEW_PLACES_WINDOWS = (8, 16, 32, 64)
MANY_PLACES = 120
MANY_PLACES_WINDOWS = (1, 2, 4, 8, 16, 32)

# ---------------------------------------------------------------------- segmentation

FLAT_POINTS = 3
LINE_POINTS = 10
PERIODIC_POINTS = 6
PERIOD_POINTS = 12
SLOPED_PERIODS = 2
PATTERN_PERIODS = 3
LEVELS_PERIODS = 4
LEVELS_POINTS_PER_STEP = 2
CHANGE_COEFFICIENTS = 2.0
SWITCH_PRICE = 4.0
CHANGE_MARGIN = 10.0
BOUNDARY_REACH = 8

# ---------------------------------------------------------------------- the kind

TOLERATED = 0.015
NO_RISE = 0.01
STEP_SHARE = 0.88
ZIGZAG = 0.1
MAIN_SHARE = 0.6
EDGES_AT_PHASE_0 = 2
EDGES_AT_A_PHASE = 3
OTHER_EDGES = 0.25
POINTS_PER_STRETCH = 5
BOUNDARIES_WITH_JUMPS = 0.5
JUMP_SHARE = 0.2
MISSING_EDGES = 0.25
MISSING_EDGES_OF = 6
COARSER_WIDTHS = (2, 3, 4)
COARSER_EDGES = 3
MISFIT_NOISES = 2.0
MISFIT_JUMPS = 0.25
GIVEN_ERROR_EXCESS = 2.0
CORRELATION_SIGMAS = 5.0

# ---------------------------------------------------------------------- edges and doubts

CLEAR_SIGMAS = 3.0
RESOLVABLE_SIGMAS = 4.0
JUMP_SEEN_SHARE = 0.5
MUCH_SMALLER = 0.25
USUAL_JUMP_PERCENTILE = 60
USUAL_JUMP_WINDOW = 15
WIDTH_INTERVAL = 6.0

# ---------------------------------------------------------------------- the search

DENSE_SEED = 16
SCATTERED_SEED = 12
FEWEST_MEASURED = 40
BATCH = 8
RIVAL_PERIODS = 80
SURE = 14.0
FOLLOWED = 42.0
BELIEF = 6.0
DIFFERS = 0.01
MOST_WITHOUT_A_LAW = 80
COMPARED_AT = 4000
EDGES_PER_OCTAVE = 2
PLACES_PER_OCTAVE = 5
STRETCHES_OF_A_LAW = 4
HELD_TO = 0.01
HELD_TO_JUMPS = 0.15
MISFIT_SQUARE = 1.6
OCTAVE_SIGMAS = 2.0
MOST_STEPS = 64
WIDE_STEPS = 8
WIDE_GAP = 24
NARROW_GAP = 3
JUMPS_AT_A_TIME = 32
STOPPED_EARLY = 0.5
