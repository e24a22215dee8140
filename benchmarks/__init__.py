"""Benchmarks behind the documentation's performance figures; each runs with one command."""
