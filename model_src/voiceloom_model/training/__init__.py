"""Training: data order, steps, the loop, and checkpoints that resume to the bit."""
