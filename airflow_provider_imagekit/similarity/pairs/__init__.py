"""The exact search for pairs of near hashes."""
