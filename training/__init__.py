"""Training of vqz models; see README.md."""
