"""The scorer of drawn faces that parts of this line share, trained once, and distances by it."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ganvas.data.cartoon.factors import ATTRIBUTES, ENTANGLED, INDEPENDENT, Faces, Sampler
from ganvas.data.cartoon.stills import kept_pictures
from ganvas.metrics.attribute_nets import AttributeNet
from ganvas.metrics.attributes import Images, Labelled, Scorer, degrees_of, learn
from ganvas.model.scorers import load_scorer, save_scorer
from ganvas.slices import slices

SIZE = 32
PICTURES, EPOCHS = 12_000, 16
"""What the scorer learns, fresh faces whose attributes are independent."""
AT_ONCE = 250


def labelled(count: int, seed: int, sampler: Sampler) -> Labelled:
    """Return faces with what is known of them."""
    faces = Faces.draw(count, seed, sampler)
    degrees = faces.tags.astype(float)
    for column, (name, above) in enumerate((("yaw", 0.0), ("smile", 0.3), ("age", 0.5))):
        degrees[:, column] = degrees_of(faces[name], above)
    tags, x = faces.tags.astype(float), kept_pictures(faces, SIZE)
    return Labelled(ATTRIBUTES, x, tags, faces.clear, degrees)


def scorer(work: Path) -> Scorer:
    """Return the scorer, trained once."""
    path = work / "scorer.safetensors"
    if not path.is_file():
        told, held = labelled(PICTURES, 5, INDEPENDENT), labelled(1_000, 2, ENTANGLED)
        save_scorer(path, learn(told, held, epochs=EPOCHS), {"pictures": PICTURES})
    return load_scorer(path)


@torch.no_grad()
def features(of: Scorer, images: Images) -> Tensor:
    """Return what a scorer's last layer is given of pictures, (N, F): means over their places."""
    net = cast(AttributeNet, of.network)
    planes = torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, 1)))
    found = [
        net.body[:-2](planes[part].float() / 127.5 - 1).mean((2, 3))
        for part in slices(len(images), AT_ONCE)
    ]
    return torch.cat(found)
