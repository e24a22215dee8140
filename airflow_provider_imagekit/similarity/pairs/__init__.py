"""Exact search for pairs of near hashes."""
