"""Measures of generated samples: pure functions on arrays; every score carries its protocol."""
