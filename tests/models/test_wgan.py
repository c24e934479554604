"""Yang's generator and critic: golden counts, any size for the one, images apart in the other."""

import pytest
import torch

from course_lib.models.wgan import CTCritic, CTGenerator


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_parameter_counts_are_golden():
    assert count(CTGenerator()) == 56_097
    assert count(CTCritic(64)) == 17_923_521
    assert count(CTCritic(48)) == 10_583_489
    assert count(CTCritic(32, widths=(16, 32, 64), hidden=128)) == 203_121


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (1, 1)])
def test_the_generator_takes_any_size_and_starts_as_the_identity(size):
    image = torch.rand(2, 1, *size)
    assert torch.equal(CTGenerator()(image), image)
    assert CTGenerator(residual=False)(image).shape == image.shape
    assert float(CTGenerator(residual=False)(image).detach().std(correction=0)) > 0 or size == (1, 1)


def test_a_residual_generator_may_answer_below_zero():
    model = CTGenerator()
    torch.nn.init.constant_(model.layers[-1].bias, -3.0)
    assert float(model(torch.zeros(1, 1, 4, 4)).max()) == -3, "no ReLU cuts it off"


def test_the_critic_gives_each_image_a_mark_of_its_own():
    torch.manual_seed(0)
    critic = CTCritic(32, widths=(16, 32, 64), hidden=128)
    batch = torch.rand(5, 1, 32, 32)
    marks = critic(batch)
    assert marks.shape == (5,) and float(marks.std()) > 0
    alone = torch.stack([critic(image[None])[0] for image in batch])
    assert torch.allclose(marks, alone, atol=1e-6), "what else is in the batch does not matter"


def test_bad_input_is_refused_in_words():
    with pytest.raises(ValueError, match="32×32"):
        CTCritic(32, widths=(4,), hidden=4)(torch.zeros(1, 1, 16, 16))
    with pytest.raises(ValueError, match="depth"):
        CTGenerator(depth=1)
