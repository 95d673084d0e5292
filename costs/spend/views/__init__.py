"""Pages of what was spent: one module each."""
