"""Where the client meets similarity: one check of a gate, its references, bank files, variants."""
