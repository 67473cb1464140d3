from .detection import detect_steps as detect_steps
from .origin import Lost as Lost
from .origin import Origin as Origin
from .search import StepSearch as StepSearch
from .search import find_steps as find_steps
from .step_map import StepMap as StepMap
from .step_map import load_step_map as load_step_map
