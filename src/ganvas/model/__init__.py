"""Trained models: saved as safetensors with a card, loaded without the training code path."""

from ganvas.model.card import Provenance
from ganvas.model.model import Model
from ganvas.model.neighbours import Neighbours, nearest
from ganvas.model.slots import Slots
from ganvas.model.storage import MODEL, load, save_model
from ganvas.model.trained import CannotError

__all__ = [
    "MODEL",
    "CannotError",
    "Model",
    "Neighbours",
    "Provenance",
    "Slots",
    "load",
    "nearest",
    "save_model",
]
