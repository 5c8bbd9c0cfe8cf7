"""Articulated cartoon faces: a template of 68 landmarks in space, turned, projected and painted."""
