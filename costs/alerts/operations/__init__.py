"""What changes alerts: evaluations, people's decisions, rules, recipients, the outbox."""
