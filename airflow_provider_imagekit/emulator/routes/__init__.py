"""What each address answers: the API's endpoints, delivery, the start page."""

from __future__ import annotations
