"""Pages about alerts, one file each."""
