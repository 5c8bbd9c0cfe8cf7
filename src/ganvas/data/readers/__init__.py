"""Readers: how a folder or an archive of files becomes records. One file per way of reading."""
