"""Drawing training pairs on a GPU: a real face and its swap, made, filmed and encoded anew for every step.

Tensors are float32 (B, C, H, W); pictures are RGB in [0, 1]; points are in units of the picture's side, (0, 0) at its
upper left corner. It needs torch and numpy alone.
"""
