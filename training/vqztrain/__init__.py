"""Training of the vqz model: data, networks, the quantizer ladder, and the stages A to D."""
