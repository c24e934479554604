"""One step of training is that of numbers that one can check by head, and of `fit`."""

import torch
from torch import nn

from course_lib import training


def test_the_step_of_lab_01_with_its_numbers():
    model = nn.Conv2d(1, 1, 1, bias=False).eval()
    model.weight.data.fill_(2.0)
    model.weight.grad = torch.full_like(model.weight, 7.0)  # an old one does not count
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = training.train_step(model, optimizer, torch.full((1, 1, 1, 1), 5.0), torch.ones(1, 1, 1, 1))
    assert loss == 9 and abs(model.weight.item() - 2.6) < 1e-6
    assert model.training


def test_steps_are_those_of_fit():
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(4, 1, 6, 5, generator=generator)
    with training.fixed_seed(0):
        ours, theirs = nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1)
    theirs.load_state_dict(ours.state_dict())
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    losses = [training.train_step(ours, optimizer, clean, clean) for _ in range(3)]
    history = training.fit(
        theirs, clean, loss=nn.functional.mse_loss, epochs=3, batch_size=4, device="cpu", progress=False,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )  # fmt: skip
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(history.train_loss), rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict(), rtol=1e-5, atol=1e-7)
