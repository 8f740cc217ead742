"""The integer model: export from float checkpoints, exact simulation, tables, golden tensors (spec/model.md, spec/arithmetic.md)."""
