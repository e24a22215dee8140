"""Which distance suits a library: the report, its plot, chance and labels."""
