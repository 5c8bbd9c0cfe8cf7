"""What `ganvas bench stability` plays: a file a set, found by its name."""
