"""Changes to many files of a media library: what is asked for, whether it fits, and the run that does it."""
