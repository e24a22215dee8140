"""Entry point of ``python -m demo``, which ``make demo`` runs."""

from __future__ import annotations

import sys

from demo.run import main

sys.exit(main())
