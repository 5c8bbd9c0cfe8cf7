"""What systems are made of: judges, objectives, penalties, priors, what both players are shown."""
