from .card import Card as Card
from .card import Statement as Statement
from .card import Verdict as Verdict
from .card import compare_cards as compare_cards
from .card import load_card as load_card
from .nine_findings import fill_card as fill_card
