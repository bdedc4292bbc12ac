"""The swap methods; each file registers what it defines."""
