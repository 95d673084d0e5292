"""How full things are, what to change, and what growth would cost."""
