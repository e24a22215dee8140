"""Bulk changes to files of a media library: the change, its validation, and the run that applies it."""
