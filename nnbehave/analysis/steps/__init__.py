"""Which channel counts are worth keeping: the law of one curve, and the search for it."""
