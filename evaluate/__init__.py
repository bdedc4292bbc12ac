"""How good is this swap, how good is this detector, and the two paired."""
