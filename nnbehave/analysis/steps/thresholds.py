"""Every threshold of the detector and of the search, each with its derivation; one list, so over 350 lines.

Prices and margins are in units of BIC: a difference of 2 is a factor e in the odds. "σ" is one standard error. What
"simulation" found is on curves of known truth with 1 % noise. Guards against division by zero are no thresholds.

A bracket holds a measurement by ``benchmarks/steps_thresholds.py``, which takes the names of thresholds: how many
curves of known truth get the right kind and width with another value, the others left as they are. By default these
are 59 of 60, drawn from all 15 classes of ``benchmarks/synthetic.py`` at 0.3 % to 3 % noise.
A threshold with neither a derivation nor a bracket is a choice: its text says what it decides.
"""

from __future__ import annotations

import math

# ---------------------------------------------------------------------- the points

FEWEST_POINTS = 8
"""Points below which a curve is unexplained. A sloped staircase has 3 coefficients, a width and a phase: 8 points leave
3 to judge it by. [4: 59 right; 16: 59 right]"""

LARGEST_N = 2**20
"""Largest n. A step map answers for every n in its range, so the range is kept to what a list can hold."""

MAX_WIDTH = 128
"""Widest period that is scanned. Wider steps are few on any measured range; they are found edge by edge, as irregular
ones."""

SMALLEST_NOISE = 1e-4
"""Smallest relative noise that is believed. Points without any noise need a scale too. [5e-05: 59 right]"""

MODEL_ERROR = 0.003
"""What curves of real runtimes leave their law by, relative, however well they are measured. It is added to the given
errors in quadrature."""

SHARE_OF_GIVEN_ERROR = 0.9
"""Share of the given error below which the noise of the points is not estimated. The median of 100 differences is
uncertain by some 10 %."""

FEWEST_FREE_SHARE = 0.2
"""Lowest share of free points (1 − parameters / points) that a noise estimate is corrected by: below it the correction
would be larger than what it corrects."""


# ---------------------------------------------------------------------- outliers

DRAWN_IN_SIGMAS = 3.0
"""σ outside its neighbours beyond which a point is drawn in before there is a law: as CLEAR_SIGMAS."""

DRAWN_IN_LEAST = 0.005
"""Least relative distance by which a point is drawn in. Without it, the steps of a curve without noise would count as
outliers."""

OUTLIER_SIGMAS = 4.5
"""σ off its law beyond which a point is an outlier. By chance it happens to 1 in 150,000 points: to one of 150 curves
of 1,000 points. [2.25: 57 right; 9.0: 59 right]"""

OUTLIER_WINDOW = 5
"""Neighbours, itself included, among which an outlier is alone."""

OUTLIERS_IN_WINDOW = 2
"""Points far off in that window that are still outliers. With 1 % outliers 3 within 5 happen once in 100,000 points; 3
in a row are a step."""

LONGEST_EXCURSION = 12
"""Points up to which a stretch between two of one family may have been made for a few outliers: as PERIOD_POINTS, under
which a stretch shows no period."""

FAST_KERNEL_GAIN = 0.08
"""Relative gain from which an outlier at the end of an early step is a kernel made for that n. XNNPACK's conv on
AVX-512 gains 25 % at 32 channels; disturbances make points slower, not faster."""

FAST_KERNEL_STEPS = 3
"""First steps in which such kernels are looked for. XNNPACK's is at the end of the first step of 32."""

MANY_OUTLIERS = 0.04
"""Share of outliers above which they may be what repeats, as dips at every 16th n do (1/16 = 6 %). The synthetic curves
have 1 %."""

TOO_MANY_OUTLIERS = 0.2
"""Share of outliers above which no law explains the curve."""

OUTLIER_PASSES = 3
"""Passes at most, each without the outliers of the pass before. Of 60 synthetic curves 56 stay the same after two."""

NOISE_SETTLED = 0.1
"""Relative change of the noise between two passes that is neglected: it moves a ΔBIC of 50 by 10."""

LOWEST_LAW = 0.1
"""Share of a latency that its law is not below. A line through few points may fall below 0, where relative errors make
no sense."""

LOWEST_LAW_BETWEEN = 1e-3
"""The same between the points, as a share of the lowest value of the law at the points."""


# ---------------------------------------------------------------------- candidates

SCANNED_PERIODS = 3
"""Periods that the range must hold for a width to be scanned: two show that it repeats, the third that this is no
chance."""

SCANNED_BEST = (6, 4, 2, 2, 2)
"""How many of the best periods are tried: of the whole curve, all quarters together, the first half, the second half,
the first quarter. Changes of the width and cliffs are found by the last four."""

NESTED_PERIODS = 8
"""How many of the periods in the residuals of the best staircase are tried inside or around it."""

PATTERN_WIDTHS = 3
"""How many of the best widths are tried with a pattern of any shape, beside those that divide the best."""

NARROWEST_PATTERN = 4
"""Width from which a pattern has a shape. Those of width 2 and 3 are a staircase with a slope, or with its first or
last n apart."""

PATTERN_POINTS_PER_PLACE = 4
"""Points for each place of a pattern: with fewer it would follow the noise, whose share in it is 1/√4 = 50 %."""

GROWTH_PERIODS = 6
"""Periods from which the growth of a pattern can be told: with 6 points the rise of a place over the range is uncertain
by √(12/6) = 1.4 σ."""

GROWTH_POINTS = 3
"""Points at each place for that: two make a line without anything left to judge it by."""

LIKELY_FAMILIES = 8
"""Families with a period that are tried again once the outliers are known, beside those of the stretches. It only saves
time."""

FEW_PLACES = 3
"""Places where the points leave a family most and laws with a period may change, for each family. A curve with one law
has few exceptions, and the time grows with the square of the places."""

FEW_PLACES_WINDOWS = (8, 16, 32, 64)
"""Windows, in points, on each side of such a place: a change of law is seen over many points."""

MANY_PLACES = 120
"""Places where smooth laws may change: more than the 29 to 34 edges of irregular steps of 8 to 64 up to 1,000."""

MANY_PLACES_WINDOWS = (1, 2, 4, 8, 16, 32)
"""Windows, in points, on each side of such a place: powers of two up to half of a step of 64."""


# ---------------------------------------------------------------------- segmentation

FLAT_POINTS = 3
"""Points of a flat stretch, or n that it spans: two neighbours may both be outliers."""

LINE_POINTS = 10
"""Points of a stretch that rises in a line. Over fewer, a line follows the noise of a flat step."""

PERIODIC_POINTS = 6
"""Points of a stretch under a law with a period: twice the coefficients of a sloped staircase."""

PERIOD_POINTS = 12
"""Points of the curve, and of a stretch where a law has a slope inside its steps, that a period is told by. With fewer
some width of 128 fits anything."""

PERIOD_PRICE = 2 * math.log(MAX_WIDTH**2)
"""Price (BIC) of a period for having been chosen among many: 2 ln M for M alternatives, here all widths and phases."""

SLOPED_PERIODS = 2
"""Periods that a stretch of sloped steps spans: within one, steps and a line are the same."""

PATTERN_PERIODS = 3
"""Periods that a stretch with a pattern spans; one more, for the shape is fitted too."""

LEVELS_PERIODS = 4
"""Periods that a stretch with a level for each step spans: such a law explains any three steps."""

LEVELS_POINTS_PER_STEP = 2
"""Points for each step of such a stretch: with one, the law would repeat its points."""

CHANGE_COEFFICIENTS = 2.0
"""Price of a place where the law changes, in coefficients: in the modified BIC a change point costs 3 ln(points), one
of them for the new level (Zhang and Siegmund, Biometrics 2007). [1.0: 58 right; 4.0: 59 right]"""

SWITCH_PRICE = 4.0
"""Price (BIC) of another family at such a place, on top of its own: odds of e² = 7 that a period goes on. [2.0: 59
right; 8.0: 59 right]"""

CHANGE_MARGIN = 10.0
"""ΔBIC by which several laws must beat one smooth law, and by which the points must deny that a boundary is at a step.
From 10 on evidence is called very strong (Kass and Raftery, JASA 1995)."""

BOUNDARY_REACH = 8
"""Points by which a boundary may be moved when the laws beside it are known: the narrowest window that finds a change
of law."""


# ---------------------------------------------------------------------- the kind

TOLERATED = 0.015
"""Relative spread around a law, or bend of a line, that needs no other explanation: ten rounds at 5 % noise leave
it."""

NO_RISE = 0.01
"""Relative rise over the whole curve that is as good as none: nobody chooses a channel count for 1 %."""

STEP_SHARE = 0.88
"""Share of the jumps in a rise above which the steps are level; below 1 − 0.88 there are none. The classes of
benchmarks/synthetic.py are at 1, 0.3 to 0.75, and 0."""

ZIGZAG = 0.1
"""Share of the rise within a period that must be a fall, or the reverse, for a zigzag. Level steps whose slope is
fitted slightly below 0 stay under it."""

MAIN_SHARE = 0.6
"""Share of the points that must follow a period for it to name the kind."""

EDGES_AT_PHASE_0 = 2
"""Edges of a period from which it names the kind: one jump has any width."""

EDGES_AT_A_PHASE = 3
"""The same at another phase than 0, for some width and phase fit any two edges."""

OTHER_EDGES = 0.25
"""Edges elsewhere, after the first step, as a share of the period's: more are no exceptions."""

POINTS_PER_STRETCH = 5
"""Points for each stretch below which the stretches do not explain the curve, but repeat it."""

BOUNDARIES_WITH_JUMPS = 0.5
"""Share of the boundaries that must be jumps for steps to be irregular. Else the curve bends."""

JUMP_SHARE = 0.2
"""Share of all rises and falls that must be in the jumps for steps to be irregular. Else the curve bends."""

MISSING_EDGES = 0.25
"""Share of the edges of a period that the points may contradict. A width that is half of the true one has 0.5."""

MISSING_EDGES_OF = 6
"""Number of edges that this share is at least taken of: one missing edge of two or three proves little."""

COARSER_WIDTHS = (2, 3, 4)
"""Multiples of a width that are tried where the points contradict too many of its edges."""

COARSER_EDGES = 3
"""Edges that such a multiple must have, for the same reason as EDGES_AT_A_PHASE."""

MISFIT_NOISES = 2.0
"""Spread around a law, in noises, above which it does not explain the points. It is a robust spread: outliers do not
count."""

MISFIT_JUMPS = 0.25
"""Spread around a law, in typical jumps, that does not hide its steps: four spreads to a jump."""

GIVEN_ERROR_EXCESS = 2.0
"""Times the given error up to which the noise of the points counts as noise. More of it is misfit."""

CORRELATION_SIGMAS = 5.0
"""σ of the correlation between neighbouring residuals (1/√points) above which a law is not the whole truth. Drift that
was not shuffled away also shows here."""


# ---------------------------------------------------------------------- edges and doubts

CLEAR_SIGMAS = 3.0
"""σ from which a jump, a difference or a slope is clear: by chance 1 in 370."""

RESOLVABLE_SIGMAS = 4.0
"""σ that a jump must have for its absence to be seen: one more, so that missing it by 3 σ leaves 1."""

JUMP_SEEN_SHARE = 0.5
"""Share of a jump that the points must show for it to be there: the midpoint between all and nothing."""

MUCH_SMALLER = 0.25
"""Share of the usual jump below which a jump counts as none: half of what the points must show of one."""

USUAL_JUMP_PERCENTILE = 60
"""Percentile of the jumps around an edge that is the usual one. Above the median, so that a width half of the true one,
with every other jump missing, shows."""

USUAL_JUMP_WINDOW = 15
"""Edges around an edge whose jumps are usual there. Jumps may grow along the curve, so not all of its edges are
taken."""

WIDTH_INTERVAL = 6.0
"""ΔBIC within which another width is left open: odds of e³ = 20, as for a 95 % interval."""


# ---------------------------------------------------------------------- the search

DENSE_SEED = 16
"""First n, all measured at the start. The relative jump of step k is about 1/k, so widths up to 16 show here, on the
cheapest layers."""

SCATTERED_SEED = 12
"""Further n of the start, at random and even by the logarithm: about two for each octave up to 1,000. A regular grid of
32 points named none of the widths 8 to 64 in simulation."""

FEWEST_MEASURED = 40
"""Measured n before any law is believed. Simulated searches with one law ended after 60 to 73."""

BATCH = 8
"""n of a batch: a session of measuring has a fixed cost, and more n at once know less of one another."""

RIVAL_PERIODS = 80
"""Periods, several phases of a width among them, that are asked where they disagree. Near width 64 the phases alone are
64."""

SURE = 14.0
"""ΔBIC by which the best law must be ahead of those with another step map: odds of e⁷ = 1,100."""

FOLLOWED = 42.0
"""ΔBIC up to which a law is looked at all: three times SURE. The others cannot come back within a batch."""

BELIEF = 6.0
"""ΔBIC that lowers the vote of a law by e. It is 2 by theory; a higher one keeps the choice open while the noise is
uncertain."""

DIFFERS = 0.01
"""Largest relative difference between two laws that say the same: as NO_RISE. Also the smallest jump that is narrowed
down."""

MOST_WITHOUT_A_LAW = 80
"""Measured n by which one law must be ahead; else the curve is searched by bisection. Simulated searches with one law
needed 73 at most."""

COMPARED_AT = 4000
"""n at which laws are compared at most. It only saves time on ranges above 4,000."""

EDGES_PER_OCTAVE = 2
"""Edges measured on both sides in every octave, so that an algorithm that changes the width midway is seen. In
simulation 2 of 5 such curves looked fine before."""

PLACES_PER_OCTAVE = 5
"""n measured in every octave at least: 2 edges with both sides, and one in between."""

STRETCHES_OF_A_LAW = 4
"""Stretches up to which a law with exceptions is followed: another first step, a cliff, and one more."""

HELD_TO = 0.01
"""Relative error that the points of a real runtime may leave a law by while it is worth following. Depthwise layers
leave every law by a few per cent."""

HELD_TO_JUMPS = 0.15
"""The same as a share of the jumps of the last octave: a seventh of a jump does not change which n end a step."""

MISFIT_SQUARE = 1.6
"""Mean square of the residuals, in the errors above, beyond which no law holds. In simulation it was 0.7 to 1.3 for 18
of 18 curves with a law, and 5.1 to 9.2 for 6 of 6 irregular ones."""

OCTAVE_SIGMAS = 2.0
"""σ of a mean square (√(2/points)) above 1 from which an octave is off its law. A false alarm costs 8 points."""

MOST_STEPS = 64
"""Steps up to which the end of each is measured where the law alone is not trusted. More cost as much as the whole
curve."""

WIDE_STEPS = 8
"""Width from which the end of each step is measured: then it takes an eighth of the n at most."""

WIDE_GAP = 24
"""Gap between measured n, in n, that is halved where no jump is known. Steps of 24 and more cannot hide in smaller
ones."""

NARROW_GAP = 3
"""n between two with a jump that are measured at once: two rounds of bisection in one."""

JUMPS_AT_A_TIME = 32
"""Jumps that are narrowed down in a batch, the largest first. By the next batch there may be a law that knows the
others."""

STOPPED_EARLY = 0.5
"""Factor on the confidence of a search that its budget ended: the finding may be right, and was not verified."""
