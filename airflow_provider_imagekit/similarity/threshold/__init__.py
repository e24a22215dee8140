"""Choose a radius for a library: the report, its plot, the chance model and the labels."""
