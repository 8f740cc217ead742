"""A kit for a short loan of a big GPU; see README.md in this folder."""
