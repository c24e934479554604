"""`fit(target=...)`: the target of training is noisy too, independently, and validation stays clean."""

import functools

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import noise, training
from course_lib.training.batches import Batches


class Scale(nn.Module):
    """Multiplies by one number."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, image):
        return self.weight * image


GAUSSIAN = functools.partial(noise.gaussian, sigma=0.5)


def images(count=64):
    return torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_input_and_target_have_noise_of_their_own_and_the_target_changes_nothing_of_the_input():
    clean = images(40)
    plain = Batches(clean, "train", GAUSSIAN, None, 3)
    both = Batches(clean, "train", GAUSSIAN, None, 3, GAUSSIAN)
    same, given = plain(range(40), "train", 0)
    target, again = both(range(40), "train", 0)
    assert torch.equal(given, again) and torch.equal(same, clean)
    first, second = (given - clean).flatten(), (target - clean).flatten()
    assert float(second.std()) == pytest.approx(0.5, rel=0.05)
    assert abs(float((first * second).mean())) < 4 * 0.25 / len(first) ** 0.5, "independent"
    other, _ = both(range(40), "train", 1)
    assert not torch.equal(other, target), "drawn anew each epoch"


def test_a_noisy_target_teaches_what_a_clean_one_teaches():
    found = {}
    for name, target in (("clean", None), ("noisy", GAUSSIAN), ("itself", "same")):
        model = Scale()
        if target == "same":  # the same noise in both: the best answer is to change nothing
            noisy = GAUSSIAN(images(), generator=torch.Generator().manual_seed(1))
            options = {"train": noisy, "corrupt": None}
        else:
            options = {"train": images(), "corrupt": GAUSSIAN, "target": target}
        training.fit(model, loss=F.mse_loss, epochs=60, batch_size=16, learning_rate=0.02, progress=False, **options)
        found[name] = float(model.weight.detach())
    wiener = 1 / (1 + 0.25)
    assert found["clean"] == pytest.approx(wiener, abs=0.03) and found["noisy"] == pytest.approx(wiener, abs=0.04)
    assert found["itself"] == pytest.approx(1, abs=0.01)


def test_validation_is_against_the_clean_images():
    history = training.fit(
        Scale(), images(8), images(32), loss=F.mse_loss, corrupt=GAUSSIAN, target=GAUSSIAN, epochs=1,
        learning_rate=1e-9, progress=False,
    )  # fmt: skip
    assert history.train_loss[0] == pytest.approx(0.5, rel=0.2), "two noises"
    assert history.validation_loss[0] == pytest.approx(0.25, rel=0.1), "one"


def test_a_target_of_another_kind_is_refused_in_words():
    with pytest.raises(TypeError, match="target: expected it to return a tensor"):
        training.fit(
            Scale(), images(4), loss=F.mse_loss, target=lambda image, generator: None, epochs=1, progress=False
        )
