"""The loop, its run folder, checkpoints and averages."""
