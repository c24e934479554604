"""The generalised Dice loss: MONAI's values and gradients, gradcheck, its limits, and that it finds small classes."""

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from course_lib import losses, metrics


def classes(shape=(5, 7), seed=0):
    """Logits and a one-hot target (2, 3, …), the third class rare and absent from the second image."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, 3, *shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, 2, (2, *shape), generator=generator)
    labels[0].view(-1)[:3] = 2
    return logits, F.one_hot(labels, 3).movedim(-1, 1).double()


@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 4)])
def test_value_and_gradient_agree_with_monai(shape):
    peer = pytest.importorskip("monai.losses").GeneralizedDiceLoss(smooth_nr=1e-30, smooth_dr=1e-30)
    logits, target = classes(shape)
    found = []
    for loss in (losses.generalised_dice_loss, peer):
        given = logits.clone().requires_grad_()
        value = loss(given.softmax(1), target)
        found.append((value.detach(), torch.autograd.grad(value, given)[0]))
    assert torch.allclose(found[0][0], found[1][0], atol=1e-12)
    assert torch.allclose(found[0][1], found[1][1], atol=1e-12)
    assert (found[0][1] != 0).all()


def test_gradient_in_double_precision():
    logits, target = classes((3, 5))
    assert gradcheck(lambda x: losses.generalised_dice_loss(x.softmax(1), target), (logits.requires_grad_(),))


def test_limits_and_the_mean_over_the_batch():
    logits, target = classes()
    assert losses.generalised_dice_loss(target, target) == 0
    assert losses.generalised_dice_loss(target.roll(1, 1)[:, :, :1, :1], target[:, :, :1, :1]) == 1
    probabilities = logits.softmax(1)
    each = [losses.generalised_dice_loss(probabilities[n : n + 1], target[n : n + 1]) for n in range(2)]
    assert losses.generalised_dice_loss(probabilities, target) == pytest.approx(float(sum(each)) / 2)
    assert float(each[0]) == pytest.approx(1 - float(metrics.generalised_dice(probabilities[:1], target[:1])[0]))
    half = losses.generalised_dice_loss(probabilities.bfloat16(), target.bfloat16())
    assert half.dtype == torch.float32 and half == pytest.approx(float(sum(each)) / 2, abs=0.01)


def test_it_learns_a_class_of_few_voxels_that_a_plain_overlap_leaves_out():
    # one number for each class's logit, the same at all voxels: the loss alone decides how much the small class gets
    target = torch.zeros(1, 2, 16, 16, dtype=torch.float64)
    target[:, 1, :2, :2] = 1
    target[:, 0] = 1 - target[:, 1]
    logit = torch.zeros((), dtype=torch.float64, requires_grad=True)
    probabilities = torch.stack([-logit, logit]).softmax(0)[None, :, None, None].expand(1, 2, 16, 16)
    (weighted,) = torch.autograd.grad(losses.generalised_dice_loss(probabilities, target), logit, retain_graph=True)
    plain = 1 - 2 * (probabilities * target).sum() / (probabilities + target).sum()
    (unweighted,) = torch.autograd.grad(plain, logit)
    assert unweighted > 0.4, "without weights the way down leads to background everywhere"
    assert abs(weighted) < 0.05 * unweighted


def test_refusals():
    logits, target = classes()
    with pytest.raises(TypeError, match="target: expected a floating-point tensor, got torch.int64"):
        losses.generalised_dice_loss(logits.softmax(1), target.long())
    with pytest.raises(ValueError, match="same shape"):
        losses.generalised_dice_loss(logits.softmax(1), target[:1])
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        losses.generalised_dice_loss(logits[0].softmax(0), target[0])
