"""A training kit: all that `features` and `train` need, small enough to travel to a machine with a GPU and no network.

Real recordings travel as Opus. What a teacher says and what virtual speakers say is made again there, and utterances
are cut there from both. Phonemes and speaker embeddings travel as they are, so that neither a dictionary nor a
speaker encoder has to. What was trained comes back in pieces.
"""
