"""
Apache Airflow provider for ImageKit.io image metadata and perceptual-hash gates.

``import airflow`` imports this module to find the provider, so it imports nothing itself.
"""

from __future__ import annotations

__version__ = "0.1.0"
