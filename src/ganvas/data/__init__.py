"""Data: what networks see, where it comes from, and in which units.

``open_data(DataSettings(source=...))`` opens a point law, a packaged or standard set, a folder, an
array file or a hub id as a `Source`; a `Feed` serves it in batches; its `DataSpec` is what
networks are built from. `check_data` looks through a data set without torch.
"""
