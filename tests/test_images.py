"""rescale, to_batch, pad_to_multiple, random_crop: against numpy, on odd sizes, with their refusals."""

import numpy as np
import pytest
import torch

from course_lib import images


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_rescale(kind):
    image = np.random.default_rng(0).normal(5, 3, (7, 9)).astype(np.float32)
    given = image if kind == "numpy" else torch.from_numpy(image)
    result = images.rescale(given)
    assert type(result) is type(given) and result.dtype == given.dtype
    assert np.allclose(np.asarray(result), np.interp(image, [image.min(), image.max()], [0, 1]), atol=1e-6)
    flat = images.rescale(given * 0 + 3)
    assert float(abs(flat).max()) == 0
    with pytest.raises(TypeError, match="floating-point"):
        images.rescale(np.arange(4))


def test_to_batch():
    stack = np.random.default_rng(0).random((3, 5, 4))
    assert torch.equal(images.to_batch(stack), torch.from_numpy(stack).float()[:, None])
    assert torch.equal(images.to_batch(torch.from_numpy(stack[0])), torch.from_numpy(stack[0]).float()[None, None])
    assert images.to_batch(stack[:, ::-1]).shape == (3, 1, 5, 4), "negative strides"
    with pytest.raises(ValueError, match=r"\(H, W\) or \(N, H, W\)"):
        images.to_batch(np.zeros((1, 1, 2, 2)))


@pytest.mark.parametrize(("size", "multiple"), [((5, 6), 4), ((8, 4), 4), ((217, 181), 16), ((3, 3), 1)])
def test_pad_to_multiple(size, multiple):
    batch = torch.rand(2, 1, *size)
    padded = images.pad_to_multiple(batch, multiple)
    edges = [(0, 0), (0, 0), (0, -size[0] % multiple), (0, -size[1] % multiple)]
    assert np.array_equal(padded.numpy(), np.pad(batch.numpy(), edges, mode="edge"))


def test_pad_refusals():
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        images.pad_to_multiple(torch.rand(3, 3), 2)
    with pytest.raises(ValueError, match="at least 1"):
        images.pad_to_multiple(torch.rand(1, 1, 3, 3), 0)


def test_random_crop_reaches_every_place_and_no_other():
    image = torch.arange(30.0).reshape(1, 5, 6)
    generator = torch.Generator().manual_seed(0)
    crops = [images.random_crop(image, 3, generator=generator) for _ in range(600)]
    corners = torch.tensor([crop[0, 0, 0].item() for crop in crops])
    wanted = {6.0 * row + column for row in range(3) for column in range(4)}
    counts = {value: int((corners == value).sum()) for value in wanted}
    assert sum(counts.values()) == 600 and min(counts.values()) > 25
    for crop in crops[:20]:
        corner = int(crop[0, 0, 0])
        assert torch.equal(crop, image[:, corner // 6 : corner // 6 + 3, corner % 6 : corner % 6 + 3])


def test_random_crop_is_seeded_and_leaves_global_state_alone():
    image, state = torch.rand(1, 9, 9), torch.get_rng_state()
    first, second = (images.random_crop(image, 4, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    images.random_crop(image, 4)
    assert torch.equal(state, torch.get_rng_state())
    for size in (0, 10):
        with pytest.raises(ValueError, match="1 to 9"):
            images.random_crop(image, size)


@pytest.mark.parametrize(("height", "width"), [(13, 10), (8, 16), (3, 5)])
def test_any_size_asks_a_network_of_fixed_multiples(height, width):
    batch, seen = torch.rand(2, 1, height, width), []
    answer = images.any_size(lambda padded: seen.append(padded.shape[-2:]) or 2 * padded, batch, 8)
    assert torch.equal(answer, 2 * batch)
    assert len(seen) == 1 and all(side % 8 == 0 for side in seen[0]) and max(seen[0]) <= max(height, width) + 7


def test_a_self_ensemble_asks_eight_ways_and_turns_each_answer_back():
    batch, seen = torch.rand(2, 1, 5, 7, generator=torch.Generator().manual_seed(0)), []

    def denoiser(image):
        seen.append(image.clone())
        return image

    torch.testing.assert_close(images.self_ensemble(denoiser, batch), batch)
    assert len(seen) == 8 and len({one.numpy().tobytes() for one in seen}) == 8


def test_a_self_ensemble_forgets_directions():
    batch = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(1))
    sideways = lambda image: image.roll(1, -1)  # noqa: E731
    found = images.self_ensemble(sideways, batch)
    # the mean over all turns of a shift: each of the four neighbours, twice in eight
    expected = sum(batch.roll(shift, axis) for shift in (1, -1) for axis in (-2, -1)) / 4
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(images.self_ensemble(sideways, batch.flip(-1)), found.flip(-1))


def test_a_self_ensemble_takes_a_denoiser_that_answers_with_fewer_channels():
    batch = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(2))
    found = images.self_ensemble(lambda stack: stack[:, 1:2], batch)
    torch.testing.assert_close(found, batch[:, 1:2])


@pytest.mark.parametrize("step", [1, 2])
def test_neighbours_are_those_of_the_volume_and_0_beyond_its_ends(step):
    volume = torch.rand(7, 4, 5, generator=torch.Generator().manual_seed(3))
    stacks = images.with_neighbours(volume, 2, step=step)
    assert stacks.shape == (7, 5, 4, 5)
    for number in range(7):
        for place, offset in enumerate((-2, -1, 0, 1, 2)):
            other = number + offset * step
            expected = volume[other] if 0 <= other < 7 else torch.zeros(4, 5)
            assert torch.equal(stacks[number, place], expected)
    assert torch.equal(images.with_neighbours(volume, 0), volume[:, None])


def test_neighbours_of_what_is_no_volume():
    with pytest.raises(ValueError, match="volume"):
        images.with_neighbours(torch.rand(1, 2, 3, 4), 1)
    with pytest.raises(ValueError, match="reach"):
        images.with_neighbours(torch.rand(2, 3, 4), -1)
