"""Columns beside images become fields: classes, tags and numbers, which condition networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganvas.data.batch import Batch
from ganvas.data.domains.classes import Classes
from ganvas.data.domains.tags import Tags
from ganvas.data.domains.vector import Vector
from ganvas.data.feed import Feed
from ganvas.data.open import open_data
from ganvas.data.samplers import Streaming
from ganvas.data.settings import DataSettings
from ganvas.data.source import Source
from ganvas.errors import UsageError
from ganvas.games.gan import GAN, GANConfig
from ganvas.networks import Conditions, MLPGenerator
from ganvas.play import Noise, Turns, build


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_data(DataSettings(source=str(folder(tmp_path))))


def folder(path: Path, third: str = "60.5") -> Path:
    rows = [("a", "cat", "red;round", "10"), ("b", "dog", "", "20.5"), ("c", "cat", "red", third)]
    lines = ["file,label,tags,age"]
    for number, (name, *cells) in enumerate(rows):
        pixels = np.full((4, 4), 10 * number, np.uint8)
        Image.fromarray(pixels).save(path / f"{name}.png")
        lines.append(",".join([f"{name}.png", *cells]))
    (path / "labels.csv").write_text("\n".join(lines))
    return path


def test_a_table_names_fields_by_its_header(source: Source) -> None:
    items = source.items("train")
    assert list(items) == ["x", "label", "tags", "age"]
    assert items["label"].tolist() == [0, 1, 0]
    assert items["tags"].tolist() == [[1, 1], [0, 0], [1, 0]]  # red, round
    assert items["age"].tolist() == [[10], [20.5], [60.5]]
    fields = source.spec.fields
    assert fields["tags"].names == ["red", "round"]
    assert fields["age"].names == ["age"]
    assert list(source.spec.conditions) == ["label", "tags", "age"]


def test_fields_stay_with_their_records_on_every_way(source: Source) -> None:
    feed = Feed(source, batch=2, seed=0, streams={"few": Streaming(fields=("age",))})
    batch = feed.next(n=60)
    first = source.spec.domain.decode(batch.x)[:, 0, 0, 0] // 10
    assert torch.equal(batch["index"], torch.from_numpy(first.astype(np.int64)))
    age = source.spec.fields["age"].decode(batch["age"])[:, 0]
    assert age == pytest.approx(np.array([10, 20.5, 60.5])[first], abs=1e-5)
    assert (batch["tags"][:, 0].numpy() == (first != 1)).all()
    assert set(feed.next("few")) == {"x", "age", "index"}
    parts = batch.chunk(4)
    assert [len(part) for part in parts] == [15] * 4
    again = Batch.cat(parts)
    assert all(torch.equal(again[name], batch[name]) for name in batch)
    assert set(batch.only("age")) == {"x", "age"}
    assert batch.rows(slice(3, 5))["age"].equal(batch["age"][3:5])
    assert "age" not in batch.replace(age=None)


def test_a_column_of_numbers_refuses_words(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"column 'age' of the labels holds 'old' for c.png, which is no"
    ):
        open_data(DataSettings(source=str(folder(tmp_path, third="old"))))


def test_a_column_of_words_is_a_class(tmp_path: Path) -> None:
    words = dict(zip("abcd", ("oak", "elm", "oak", "elm"), strict=True))
    for name in words:
        Image.new("L", (4, 4)).save(tmp_path / f"{name}.png")
    lines = ["file,label,tree", *(f"{name}.png,x{k % 2},{w}" for k, (name, w) in
                                   enumerate(words.items()))]  # fmt: skip
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    source = open_data(DataSettings(source=str(tmp_path)))
    assert source.spec.fields["tree"] == Classes(count=2, called=["elm", "oak"])
    assert source.items("train")["tree"].tolist() == [1, 0, 1, 0]
    conditions = Conditions(source.spec.conditions)
    assert (conditions.width, conditions.classes) == (4, 0)
    assert set(conditions.draw(5, Noise(0))) == {"label", "tree"}  # uniform, of both


def test_values_are_given_in_words() -> None:
    tags = Tags(called=["red", "round"])
    assert tags.parse("round; red").tolist() == [1, 1]
    assert tags.parse("").tolist() == [0, 0]
    assert tags.words(np.array([0, 1])) == "round"
    with pytest.raises(UsageError, match=r"no tag 'rund'.*Did you mean 'round'"):
        tags.parse("rund")
    vector = Vector.around(np.array([[1.0, 5.0], [3.0, 5.0]]), ["a", "b"])
    assert vector.encode(np.array([[3.0, 5.0]])).tolist() == [[1.0, 0.0]]
    assert vector.decode(torch.tensor([[-1.0, 0.0]])).tolist() == [[1.0, 5.0]]
    assert vector.parse("2,7").tolist() == [2, 7]
    for wrong in ("2", "a,b", "1,inf"):
        with pytest.raises(UsageError, match=r"expected 2 numbers \(a, b\)"):
            vector.parse(wrong)
    classes = Classes(count=2, called=["cat", "dog"])
    assert [int(classes.parse(word)) for word in ("dog", "0")] == [1, 0]
    with pytest.raises(UsageError, match=r"no class 'cet'.*Did you mean 'cat'"):
        classes.parse("cet")


def test_several_fields_are_one_vector_for_networks(source: Source) -> None:
    conditions = Conditions(source.spec.conditions)
    assert conditions.width == 2 + 2 + 1
    batch = Feed(source, batch=3, seed=0).next()
    given = conditions.of(batch)
    assert isinstance(given, torch.Tensor)
    expected = [torch.nn.functional.one_hot(batch["label"], 2), batch["tags"], batch["age"]]
    assert torch.equal(given, torch.cat(expected, 1))
    only = Conditions({"label": source.spec.fields["label"]})
    assert torch.equal(torch.as_tensor(only.of(batch)), batch["label"])


def test_a_game_is_conditioned_on_any_of_them(source: Source) -> None:
    small = {"kind": "mlp", "widths": [8]}
    settings = {"generator": small, "discriminator": small, "conditional": ["tags", "age"]}
    config = GANConfig.model_validate({**settings, "labels": {"generator": "batch"}})
    game = build(GAN, config, source.spec, 0).train()
    feed, turns = Feed(source, batch=4, seed=0), Turns(game.players, Noise(0))
    turns.hold()
    assert isinstance(game, GAN)
    game.round(feed, turns)
    assert isinstance(config.generator, MLPGenerator)
    y = torch.randn(5, 3)
    z = game.prior(5, Noise(1))
    assert not torch.equal(game.sample(z, y), game.sample(z, y.flip(1)))
    with pytest.raises(UsageError, match=r"names 'tag'.*Did you mean 'tags'"):
        build(GAN, config.model_copy(update={"conditional": ["tag"]}), source.spec, 0)
    uniform = config.model_copy(update={"labels": GANConfig.model_fields["labels"].default})
    with pytest.raises(UsageError, match=r"no uniform draw of tags"):
        build(GAN, uniform, source.spec, 0)
