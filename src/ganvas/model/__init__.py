"""Trained models: saved as safetensors with a card, loaded without the training code path."""

from ganvas.model.card import Provenance
from ganvas.model.model import Model
from ganvas.model.neighbours import Closest, Neighbours, closest, nearest
from ganvas.model.slots import Slots
from ganvas.model.storage import MODEL, load, save_model
from ganvas.model.trained import CannotError

__all__ = [
    "MODEL",
    "CannotError",
    "Closest",
    "Model",
    "Neighbours",
    "Provenance",
    "Slots",
    "closest",
    "load",
    "nearest",
    "save_model",
]
