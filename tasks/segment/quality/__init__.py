"""What an utterance is worth: measured from its samples and by networks, then held against `quality`'s limits."""
