"""Gates, which use the client and the similarity functions: checks, references, bank files, variants."""
