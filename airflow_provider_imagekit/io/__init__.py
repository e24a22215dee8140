"""Files that appear whole, tables, object storage."""
