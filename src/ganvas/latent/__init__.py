"""Latent space: interpolation and walks."""
