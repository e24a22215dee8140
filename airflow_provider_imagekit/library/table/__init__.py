"""The typed table of a media library: its columns, how values get there, and its files."""
