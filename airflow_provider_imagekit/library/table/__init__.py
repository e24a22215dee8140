"""The typed table of a media library: its columns, the conversion of values, and its files."""
