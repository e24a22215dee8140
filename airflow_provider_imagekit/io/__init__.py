"""Atomic writes, tables, and object storage."""
