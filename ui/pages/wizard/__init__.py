"""The steps of making a swap, a module each with ``draw(workspace)``."""
