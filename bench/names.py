"""Names of the people who take part, with letters beyond ASCII."""

from itertools import product

FIRST = "Maya Danielle Noor Tom Elena Priya Iris Otto Zoë Søren Anaïs Łucja Björk Inês Māra Ruth".split()
LAST = [
    "Lindqvist",
    "Osei",
    "Haddad",
    "Reyes",
    "Ruiz",
    "Raman",
    "Brandt",
    "Quist",
    "Ó Briain",
    "Nguyen",
    "Kovač",
    "Müller",
]
NAMES = [f"{first} {last}" for last, first in product(LAST, FIRST)]
