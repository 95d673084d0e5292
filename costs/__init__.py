"""What was spent, against which budget, and who is told."""
