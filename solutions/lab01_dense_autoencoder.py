# %% [markdown]
# # Lab 01: A dense denoising autoencoder
#
# {{badges}}
#
# **The question of this lab: can a network clean up a digit that it has never seen?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "start"
# memory = "1 GB"
# compute_minutes = 1
# labs = ["00", "00b"]
# lectures = ["01"]
# mathematics = "mean, standard deviation and the normal distribution; the product of a matrix and a vector"
# objectives = [
#     "corrupt images in two ways, by masking and by Gaussian noise",
#     "build an autoencoder of fully connected layers",
#     "write the step that a training repeats, and the call that uses the trained network",
#     "predict, and then measure, what the network does with a noise and with a picture that it was not trained for",
# ]
# minutes = {theory = 10, play = 5, masking = 10, gaussian = 8, DenseDAE = 15, train_step = 12, denoise = 8, experiment = 10, prior = 12}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# An **autoencoder** is a network that is trained to give back its input. An encoder `f` squeezes an image `x` into a
# short **code**, a decoder `g` makes an image of it again. The code has fewer numbers than the image. So the network
# cannot simply copy: it must find out what all the images have in common.
#
# A **denoising** autoencoder (Vincent 2008) makes the task harder. First the image is corrupted on purpose: `x̃` is drawn
# from `q(x̃ | x)`, the distribution of corrupted images. Then the network sees only the corrupted `x̃` and must give back
# the **clean** `x`:
#
# $$\min_{f, g}\; \mathbb{E}_{x}\, \mathbb{E}_{\tilde x \sim q(\tilde x | x)} \; \lVert g(f(\tilde x)) - x \rVert^2$$
#
# (𝔼 is the mean over all images and all corruptions, and ‖…‖² the sum of the squares of all pixels. In the lab we divide by the number of pixels, too: `mse_loss` is a mean.) The
# best answer to this problem is the mean of all clean images that could hide behind `x̃`, each weighted by how likely it is.
# Where the network cannot know, it gives an average, and an average is blurred. Keep that in mind when you look at the results;
# [lecture 01](../../lectures/01_autoencoders.ipynb) proves it in one dimension.
#
# **Sources.** Vincent et al. 2008, [*Extracting and composing robust features with denoising
# autoencoders*](https://doi.org/10.1145/1390156.1390294); Thomas, Namgyal, Devi Krishna and Babu 2022, *Denoising autoencoder
# for the removal of noise in medical images* (slides of a student project, phase 1), whose first result is this lab: digits, denoised by
# dense layers.

# %%
import numpy as np
import torch
from torch import nn

from course_lib import metrics, noise, training, viz
from course_lib.data.digits import digits
from course_lib.exercise import yours
from course_lib.models import dae
from course_lib.student import instant_questions

# %% tags=["experiment"]
train_images, train_labels = digits("train")  # (6000, 1, 28, 28)
test_images, test_labels = digits("test")  # (1000, 1, 28, 28): other people wrote these
print("train", tuple(train_images.shape), "test", tuple(test_images.shape))
viz.gallery([train_images[i, 0] for i in range(10)], columns=5, title="Ten genuine MNIST digits")

# %% [markdown]
# ## Play: how much noise can you read through?
#
# Move the slider. Masking sets pixels to zero: up to which fraction can you still read the digit?

# %% tags=["experiment"]
viz.noise_slider(test_images[7, 0], noise.masking, label="fraction", maximum=0.95, value=0.5)

# %% [markdown]
# ## Exercise 1: masking ({{points masking}})
#
# **Goal.** `masking(image, fraction, generator)` returns a copy of the tensor, of the same type, in which each pixel of each
# image is zero with probability `fraction`, whatever happens to the others. The other pixels keep their exact value.
#
# **Steps.** Draw a number between 0 and 1 for each pixel. Which share of these numbers lies below `fraction`? Put a zero
# there, in a new tensor.
#
# **Example.** With `fraction=0` nothing changes. With `fraction=1` all is zero. With `0.3` about 30 % are zero.
#
# **Hint.** `torch.rand(image.shape, generator=generator)` draws, `torch.where` chooses between two. Always hand `generator` on:
# then the same seed gives the same noise, and a result can be repeated.
#
# ### BEGIN EXPLANATION
# A uniform number lies below `fraction` with exactly this probability, so each pixel is dropped for itself: the number of dropped
# pixels differs from image to image. Whoever drops an exact number, a whole column, or the same pixels in every image gives the network
# a pattern that it will learn. And the clean image must survive, since it is the target.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "masking", "solution": true}
def masking(image, fraction, generator):
    """A copy of the tensor with each pixel set to zero with probability `fraction`."""
    ### BEGIN SOLUTION
    dropped = torch.rand(image.shape, generator=generator) < fraction
    return image.masked_fill(dropped, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "masking_test", "points": 2}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
def kept(image, fraction):
    seed = lambda number: torch.Generator().manual_seed(number)
    share = float((masking(torch.ones(300, 1, 20, 20), fraction, seed(7)) == 0).double().mean())
    kept = masking(torch.ones_like(image), fraction, seed(8)) != 0
    same = masking(image, fraction, seed(8)) - image * kept
    return [round(20 * share), same, masking(image, 0.0, seed(9)), image]
### END HIDDEN TESTS

with without("course_lib.noise.masking"):
    seed = lambda number: torch.Generator().manual_seed(number)
    image = torch.randn(40, 2, 28, 14, generator=seed(0), dtype=torch.float64)
    before, state = image.clone(), torch.get_rng_state()
    result = masking(image, 0.3, seed(1))
    assert torch.equal(image, before), "you changed the image that was given: return a changed copy"
    assert torch.equal(state, torch.get_rng_state()), "hand `generator` on to torch.rand"
    assert torch.equal(result, masking(image, 0.3, seed(1))), "the same seed should give the same"
    zero, stream = result == 0, seed(1)
    first, second = masking(image, 0.3, stream), masking(image, 0.3, stream)
    assert not torch.equal(first, second), "draw from `generator` itself, do not start a new one"
    assert torch.equal(result[~zero], image[~zero]), "no scaling, no other type: exact values stay"
    for fraction, far in [(0.3, 0.016), (0.05, 0.0075), (0.005, 0.0025)]:  # 6 standard deviations
        share = (masking(image, fraction, seed(1)) == 0).double().mean().item()
        assert abs(share - fraction) < far, f"with fraction {fraction}, {share:.4f} became zero"
    pixels = zero.double() - 0.3
    for axis, a, b in [
        ("rows", pixels[..., 1:], pixels[..., :-1]),
        ("columns", pixels[..., 1:, :], pixels[..., :-1, :]),
        ("images", pixels[1:], pixels[:-1]),
    ]:  # the correlation of independent pixels is 0 with a standard deviation below 0.008
        link = (a * b).mean().item() / 0.21
        assert abs(link) < 0.05, f"each pixel needs its own draw; along the {axis} they go together"
    unchanged = masking(image, 0.0, seed(2))
    assert torch.equal(unchanged, image), "with fraction 0 nothing should change"
    assert unchanged.data_ptr() != image.data_ptr(), "with fraction 0 return a copy, too"
    assert (masking(image, 1.0, seed(2)) == 0).all(), "with fraction 1 all pixels should be zero"
    ### BEGIN HIDDEN TESTS
    spread = zero.flatten(1).double().mean(1).std().item()  # expected 0.0164, ± 0.0019
    assert 0.006 < spread < 0.028, "each image loses 30 % on average, not exactly: draw each pixel"
    pixel = [float(masking(torch.ones(1, 1, 1, 1), 0.3, stream)) for _ in range(1000)]
    assert abs(np.mean(pixel) - 0.7) < 0.09, "an image of one pixel loses it in 30 % of the cases"
    share = (masking(torch.ones(1000, 1, 40, 25), 0.0005, stream) == 0).double().mean().item()
    assert abs(share - 0.0005) < 0.00015, "with fraction 0.0005 another share became zero"
    waves, flat = np.fft.fft2(pixels.numpy()), pixels.flatten(0, 1).flatten(1).numpy() / 0.21**0.5
    for name, power in [("shifted", abs(waves) ** 2), ("mirrored", waves**2)]:  # deviation 0.008
        links = np.fft.ifft2(power).mean((0, 1)).real / (0.21 * 28 * 14)
        assert abs(links.ravel()[name == "shifted" :]).max() < 0.06, f"{name} pixels share a draw"
    links = flat @ flat.T / flat.shape[1] - np.diag((flat**2).mean(1))  # deviation 0.05
    assert abs(links).max() < 0.35, "two images of the batch lose the same pixels"

    ### END HIDDEN TESTS
    ### HIDDEN VALUE: kept(8 * random_tensor(rng, 3, 2, 9, 5) - 4, rng.integers(1, 20) / 20)
    ### HIDDEN VALUE: [kept(random_tensor(rng, 1, 1, 4, 7), n / 20) for n in rng.integers(1, 20, 4)]
print("masking: right")

# %% [markdown]
# ## Exercise 2: Gaussian noise ({{points gaussian}})
#
# **Goal.** `gaussian(image, sigma, generator)` returns `image + n`, where `n` is normally distributed with mean 0 and
# standard deviation `sigma`, drawn anew for each pixel of each image.
#
# **Steps.** `torch.randn` draws with standard deviation 1. What must you do to it to get `sigma`?
#
# **Example.** A grey image of 0.5 has, with `sigma=0.1`, a mean near 0.5 and a standard deviation near 0.1 afterwards.
#
# **Hint.** Do not clip to [0, 1]. Values below 0 are part of the noise; cutting them off shifts the mean of dark regions.
#
# ### BEGIN EXPLANATION
# A number with the standard deviation 1, times sigma, has the standard deviation sigma (its variance is sigma²: that is where many go wrong). `rand`
# is uniform and never leaves a range, `randn` is normal. Noise that is forced to a mean of exactly 0, or shared by two images, is no longer
# independent.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "gaussian", "solution": true}
def gaussian(image, sigma, generator):
    """`image + n` with n ~ N(0, sigma²), independent in each pixel."""
    ### BEGIN SOLUTION
    return image + sigma * torch.randn(image.shape, generator=generator)
    ### END SOLUTION


# %% nbgrader={"grade_id": "gaussian_test", "points": 2}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
def shown(image, sigma):
    seed = lambda number: torch.Generator().manual_seed(number)
    noise = gaussian(torch.zeros(200, 1, 20, 30), sigma, seed(6)).double()
    same = gaussian(image, sigma, seed(7)) - gaussian(torch.zeros_like(image), sigma, seed(7))
    return [round(20 * float(noise.std())), round(10 * float(noise.mean())), same, image]
### END HIDDEN TESTS

with without("course_lib.noise.gaussian"):
    seed = lambda number: torch.Generator().manual_seed(number)
    image = 3 * torch.randn(60, 2, 28, 28, generator=seed(3), dtype=torch.float64) - 1
    before, state = image.clone(), torch.get_rng_state()
    result = gaussian(image, 0.25, seed(4))
    assert torch.equal(image, before), "you changed the image that was given: return a new one"
    assert torch.equal(state, torch.get_rng_state()), "hand `generator` on to torch.randn"
    assert torch.equal(result, gaussian(image, 0.25, seed(4))), "the same seed should give the same"
    added, stream = (result - image).double(), seed(4)
    two = [gaussian(image, 0.25, stream) for _ in range(2)]
    assert not torch.equal(*two), "draw from `generator` itself, do not start a new one"
    for axis, a, b in [
        ("rows", added[..., 1:], added[..., :-1]),
        ("columns", added[..., 1:, :], added[..., :-1, :]),
        ("images", added[1:], added[:-1]),
    ]:  # the correlation of independent noise is 0 with a standard deviation below 0.005
        link = (a * b).mean() / (a.std() * b.std())
        assert abs(link) < 0.04, f"each pixel needs its own draw; along the {axis} they go together"
    for sigma in (0.1, 2.0, 1e-6):
        grey = gaussian(torch.full((1, 1, 100, 160), 0.5).double(), sigma, seed(5)) - 0.5
        assert abs(grey.mean() / sigma) < 0.05, f"the noise should have mean 0, got {grey.mean()}"
        assert abs(grey.std() / sigma - 1) < 0.04, f"expected deviation {sigma}, got {grey.std()}"
    for limit, expected, far in [(1, 0.3173, 0.013), (2, 0.0455, 0.005), (3, 0.0027, 0.0012)]:
        share = (added.abs() > 0.25 * limit).double().mean().item()  # ± far / 7
        assert abs(share - expected) < far, f"not normal: {share:.4f} lies beyond {limit} sigma"
    black = gaussian(0 * image, 0.25, seed(4))
    assert torch.allclose(black, added, atol=1e-6), "the noise should not depend on the image"
    ### BEGIN HIDDEN TESTS
    assert black.unique().numel() > 0.9 * black.numel(), "many pixels get the same noise"
    pairs = torch.cat([gaussian(torch.zeros(1, 1, 1, 2), 1.0, stream) for _ in range(400)]).double()
    assert abs(pairs.std() - 1) < 0.2, "in an image of two pixels the noise has another deviation"
    assert abs((pairs[..., 0] * pairs[..., 1]).mean()) < 0.4, "two pixels share one draw"
    one = torch.cat([gaussian(torch.zeros(1, 1, 1, 1), 1.0, stream) for _ in range(400)])
    assert abs(one.std() - 1) < 0.25, "in an image of one pixel the noise has another deviation"
    many = gaussian(torch.zeros(4000, 1, 40, 25), 1.0, stream)
    for side in (many > 4, many < -4):  # 127 expected, ± 11
        assert 60 < side.sum() < 200, "the noise is not normal: look at what lies beyond 4 sigma"
    waves, flat = np.fft.fft2(added.numpy()), added.flatten(0, 1).flatten(1).numpy()
    for name, power in [("shifted", abs(waves) ** 2), ("mirrored", waves**2)]:  # deviation 0.005
        links = np.fft.ifft2(power).mean((0, 1)).real / (0.25**2 * 28 * 28)
        assert abs(links.ravel()[name == "shifted" :]).max() < 0.04, f"{name} pixels share a draw"
    links = flat @ flat.T / (0.25**2 * flat.shape[1]) * (1 - np.eye(len(flat)))  # deviation 0.036
    assert abs(links).max() < 0.25, "two images of the batch get the same noise"

    ### END HIDDEN TESTS
    ### HIDDEN VALUE: shown(90 * random_tensor(rng, 3, 2, 9, 5) - 40, rng.integers(1, 20) / 20)
    ### HIDDEN VALUE: gaussian(9 * random_tensor(rng, 2, 1, 4, 7) - 4, 0.0, torch.Generator())
print("gaussian: right")

# %% [markdown]
# ## Exercise 3: the network ({{points DenseDAE}})
#
# **Goal.** A class `DenseDAE` with four fully connected layers (also called **dense**, `nn.Linear` in PyTorch): 784 → 256 → 64 → 256 → 784. After the first three comes a
# ReLU, after the last a sigmoid. It takes `(N, 1, 28, 28)` and returns the same shape.
#
# **Steps.** Make the layers in `__init__`. In `forward`: flatten each image to 784 numbers, go through the layers,
# and give the result the shape of the input.
#
# **Example.** `DenseDAE()(torch.rand(5, 1, 28, 28)).shape` is `(5, 1, 28, 28)`, and each value lies between 0 and 1.
# One dense layer from `a` to `b` has `a·b + b` parameters. How many will the whole network have? Compute it first.
#
# **Hint.** There are **two** lines to replace. A network of one layer would be `self.layer = nn.Linear(784, 10)` in `__init__`, and
# `return self.layer(noisy.flatten(1))` in `forward`. `x.flatten(1)` keeps the batch axis, `nn.Sequential` chains layers. Make the layers
# in the order in which the image passes them.
#
# ### BEGIN EXPLANATION
# Without the ReLUs the four layers would be one (lab 00b). The 64 numbers in the middle are the bottleneck: with 784 there the network could
# copy. The sigmoid keeps the answer between 0 and 1. `flatten(1)` leaves the batch axis alone, and the shape of the input, not a number
# that you wrote down, tells the shape of the output. It has 435,536 parameters, 200,960 of them in the first layer.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "DenseDAE", "solution": true}
class DenseDAE(nn.Module):
    """784 -> 256 -> 64 -> 256 -> 784, ReLU between, sigmoid last; (N, 1, 28, 28) in and out."""

    def __init__(self):
        super().__init__()
        ### BEGIN SOLUTION
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())
        ### END SOLUTION

    def forward(self, noisy):
        ### BEGIN SOLUTION
        code = self.encoder(noisy.flatten(1))  # (N, 1, 28, 28) -> (N, 784) -> (N, 64)
        return self.decoder(code).view_as(noisy)  # (N, 64) -> (N, 784) -> (N, 1, 28, 28)
        ### END SOLUTION


# %% nbgrader={"grade_id": "DenseDAE_test", "points": 2}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
def slopes(network, image):
    image = 3 * image - 1  # noise leaves [0, 1]
    output = network(image.requires_grad_())
    found = torch.autograd.grad(output.square().sum(), [image, *network.parameters()])
    return [output, found[0], *[slope.square().sum() for slope in found]]
### END HIDDEN TESTS

with without("course_lib.models.dae.DenseDAE"):
    with torch.random.fork_rng():
        network = DenseDAE()
    sizes = [tuple(parameter.shape) for parameter in network.parameters()]
    wanted = [(256, 784), (256,), (64, 256), (64,), (256, 64), (256,), (784, 256), (784,)]
    assert sizes == wanted, f"784 -> 256 -> 64 -> 256 -> 784, with bias, in this order; not {sizes}"
    draw = np.random.default_rng(6)
    with torch.no_grad():
        for parameter in network.parameters():  # neither dead nor saturated
            scale = 1.4 / parameter.shape[1] ** 0.5 if parameter.ndim == 2 else 0.5
            parameter.copy_(torch.from_numpy(scale * draw.standard_normal(parameter.shape)))
    batch = torch.from_numpy(draw.normal(0.5, 1, (3, 1, 28, 28))).float()  # noise leaves [0, 1]
    output = network(batch)
    assert output.shape == batch.shape, f"expected {tuple(batch.shape)}, got {tuple(output.shape)}"
    assert network(batch[:1]).shape == (1, 1, 28, 28), "do not write the batch size into forward"
    assert output.min() >= 0 and output.max() <= 1, "a sigmoid after the last layer"
    expected = [0.8676, 0.1633, 0.7529, 0.0852, 0.9130, 0.3602]
    assert np.allclose(output[:, 0, 5:25:19, 14].detach().ravel(), expected, atol=1e-4), (
        "other numbers than Linear-ReLU three times, Linear-Sigmoid: what stands after each layer?"
    )
    assert output.requires_grad, "nothing could be learnt: no detach() or no_grad() in forward"
    output.square().sum().backward()
    learnt = [p.grad is not None and p.grad.square().sum().item() for p in network.parameters()]
    expected = [301942, 415.786, 111178, 490.136, 15708.1, 302.046, 67444.6, 258.23]
    assert np.allclose(learnt, expected, rtol=1e-3), (
        f"each layer has to learn: squared gradients {expected} expected, got {learnt}"
    )
    ### BEGIN HIDDEN TESTS
    with torch.random.fork_rng():
        first, second = (next(DenseDAE().parameters()) for _ in range(2))
    assert not torch.equal(first, second), "each new network should start with weights of its own"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: slopes(random_weights(DenseDAE(), rng), random_tensor(rng, 3, 1, 28, 28))
    ### HIDDEN VALUE: random_weights(DenseDAE(), rng).train()(random_tensor(rng, 1, 1, 28, 28))
print("DenseDAE: right,", sum(p.numel() for p in network.parameters()), "parameters")

# %% [markdown]
# ## Exercise 4: one step of training ({{points train_step}})
#
# All of deep learning is this step, repeated.
#
# **Goal.** `train_step(model, optimizer, clean, noisy)` takes one step of training, and returns the loss before the step as
# a Python number. Afterwards the model is in training mode.
#
# **Steps.** You read a training loop in lab 00b. A step has five parts: forget the old gradients, compute the answer, compare it
# (mean squared error), compute the gradients, change the parameters. What is left for you to decide: when must the model be in training
# mode? Which of the two images goes through the network, and which one is its answer compared with?
#
# **Example.** A model with one weight `w = 2`, input 1, clean value 5: the output is 2, the loss 9, its gradient
# 2·(2 − 5)·1 = −6. With learning rate 0.1 the weight becomes 2.6.
#
# **Hint.** PyTorch *adds* each new gradient to the old one. And a loss that is returned as a tensor drags all that was
# computed for it along: `.item()` makes it a number.
#
# ### BEGIN EXPLANATION
# The noisy image goes in, the clean one is the target. The other way round there is nothing to denoise; with the noisy image as target the network
# learns to copy. Gradients are added up until `zero_grad()` forgets them, so it comes before `backward()`, and before the very first
# step, too. `train()` comes first since the forward pass is what dropout and batch normalisation change.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "train_step", "solution": true}
def train_step(model, optimizer, clean, noisy):
    """One step that brings model(noisy) closer to clean; returns the loss before the step."""
    ### BEGIN SOLUTION
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "train_step_test", "points": 2}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
from course_lib.exercise import random_tensor, random_weights


def trained(rng):
    layers = nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 1)
    model = random_weights(nn.Sequential(*layers), rng)
    clean, noisy = 6 * random_tensor(rng, 2, 3, 1, 7, 5) - 3
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    (9 * model(clean)).sum().backward()  # old gradients
    losses = [train_step(model, optimizer, clean, noisy) for _ in range(3)]
    return [losses, model.training, *model.state_dict().values(), clean, noisy]
### END HIDDEN TESTS

class OneWeight(nn.Module):  # output = weight · input; remembers in which mode it ran
    def __init__(self):
        super().__init__()
        self.weight, self.modes = nn.Parameter(torch.tensor(2.0)), []

    def forward(self, x):
        self.modes.append(self.training)
        return self.weight * x

with without("course_lib.training.fit", "course_lib.training.train_step"):
    ### BEGIN HIDDEN TESTS
    state = torch.get_rng_state()
    ### END HIDDEN TESTS
    three = torch.tensor([-0.5, 0.2, 1.5, 0.9, -1.1, 2.0]).reshape(3, 1, 2, 1)
    for clean, noisy, momentum, wanted in [
        (torch.full((1, 1, 1, 1), 5.0), torch.ones(1, 1, 1, 1), 0, [(9.0, 2.6), (5.76, 3.08)]),
        (1 - three.flip(0), three, 0.9, [(8.44, 1.364), (4.97212, 0.337072)]),
    ]:
        toy = OneWeight().eval()
        toy.weight.grad = torch.tensor(7.0)  # an old one: it must not count
        optimizer = torch.optim.SGD(toy.parameters(), lr=0.1, momentum=momentum)
        for loss, weight in wanted:
            returned, got = train_step(toy, optimizer, clean, noisy), toy.weight.item()
            assert isinstance(returned, (float, np.floating)), f"return loss.item(), not {returned}"
            look = "compare model(noisy) with clean, by the mean of the squares over all pixels"
            assert np.isclose(returned, loss, rtol=1e-4), f"loss {loss}, not {returned}: {look}"
            look = "first zero_grad(), then loss.backward(), then optimizer.step(), nothing else"
            assert np.isclose(got, weight, rtol=1e-4), f"weight {weight}, not {got}: {look}"
        assert toy.modes == [True] * len(wanted), f"once, in training mode, not {toy.modes}"
        assert toy.training, "leave the model in training mode: model.train() comes first"
    ### BEGIN HIDDEN TESTS
    assert torch.equal(state, torch.get_rng_state()), "a step should leave the random numbers alone"
    assert torch.is_grad_enabled(), "gradients are off after the step"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: trained(rng)
print("train_step: right")

# %% [markdown]
# ## Exercise 5: use the model ({{points denoise}})
#
# **Goal.** `denoise(model, noisy)` returns what the model answers when nothing is to be learned: dropout is off, no gradient is
# recorded, and nothing is clipped. After the call, the model and PyTorch are as they were before.
#
# **Steps.** Lab 00b named the two things that differ from training. Switch both, compute, and undo what does not undo itself.
#
# **Example.** A model with dropout gives the same answer twice when `denoise` calls it, and `output.requires_grad` is `False`.
# If the model was in evaluation mode before the call, it still is.
#
# **Hint.** `model.training` tells the mode, and `model.train(mode)` sets it. What a `with` block switches, it switches back.
#
# ### BEGIN EXPLANATION
# `eval()` and `no_grad()` are two things. The first changes what layers such as dropout and batch normalisation do; the second saves memory and time.
# Neither implies the other. The mode is restored because a function that is asked for an image should not change how the next epoch trains.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "denoise", "solution": true}
def denoise(model, noisy):
    """model(noisy) in evaluation mode and without gradients; the model's mode is restored."""
    ### BEGIN SOLUTION
    mode = model.training
    model.eval()
    with torch.no_grad():
        output = model(noisy)
    model.train(mode)
    return output
    ### END SOLUTION


# %% nbgrader={"grade_id": "denoise_test", "points": 1}
from course_lib.exercise import without
### BEGIN HIDDEN TESTS
from course_lib.exercise import random_tensor, random_weights


def used(rng, count, training):
    image = 9 * random_tensor(rng, count, 1, 7 * count, 6) - 4
    layers = nn.Conv2d(1, 1, 3, padding=1), nn.BatchNorm2d(1), nn.Dropout(0.5)
    model = random_weights(nn.Sequential(*layers), rng)
    output = denoise(model.train(training), image)
    return [output, output.requires_grad, model.training, model[1].running_mean, image]
### END HIDDEN TESTS

with without("course_lib.training.denoise"), torch.enable_grad():
    batch = torch.randn(4, 1, 6, 5, generator=torch.Generator().manual_seed(1))
    batch.requires_grad_()
    with torch.random.fork_rng():
        probe = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5))
        probe[0].weight.data.fill_(3.0)
        probe[0].bias.data.fill_(-0.5)
        inside = []
        probe[0].register_forward_hook(lambda *_: inside.append(torch.is_grad_enabled()))
        before, statistics = batch.detach().clone(), probe[1].running_mean.clone()
        first, second = denoise(probe, batch), denoise(probe, batch)
    assert torch.equal(batch, before), "you changed the image that was given"
    assert torch.equal(first, second), "dropout was active: call model.eval() first"
    assert torch.equal(statistics, probe[1].running_mean), (
        "batch normalisation learnt from this batch: call model.eval() first"
    )
    expected = (3 * before - 0.5).expand(-1, 2, -1, -1)  # what two channels of one convolution say
    assert torch.allclose(first, expected, rtol=1e-4), "return model(noisy) as it is: no clipping"
    assert not first.requires_grad and not any(inside), "compute inside `with torch.no_grad():`"
    assert torch.is_grad_enabled(), "gradients are still off after it: use `with torch.no_grad():`"
    assert probe.training, "the model was in training mode and should be so again: restore it"
    ### BEGIN HIDDEN TESTS
    state = torch.get_rng_state()
    ### END HIDDEN TESTS
    probe.eval()
    with torch.no_grad():
        denoise(probe, batch)
        assert not torch.is_grad_enabled(), "gradients were off before the call and should stay off"
    assert not probe.training, "the model was in evaluation mode and should stay in it"
    ### BEGIN HIDDEN TESTS
    assert torch.equal(state, torch.get_rng_state()), "it should leave the random numbers alone"
    ### END HIDDEN TESTS
    ### HIDDEN VALUE: [used(rng, count, count > 1) for count in (1, 2)]
print("denoise: right")

# %% tags=["experiment"]
instant_questions("lab01", [1, 2, 3])

# %% [markdown]
# ## Train it
#
# Here is the whole loop. It uses what you wrote, where its test has passed, and the library's version elsewhere. Each image
# gets **new** noise in every epoch: so the network never sees the same noisy image twice, and cannot learn the noise by
# heart. `profile.pick` chooses the amount of work for your machine: few epochs where the course is only tested (`ci`), more on a
# CPU, most on a GPU. (About 7 s for each of the six networks.)

# %% tags=["experiment"]
from course_lib._progress import progress_bar

Network = yours("DenseDAE", dae.DenseDAE, name="DenseDAE")
step = yours("train_step", training.train_step, name="train_step")
restore = yours("denoise", training.denoise, name="denoise")
mask = yours("masking", noise.masking, name="masking")
add_noise = yours("gaussian", noise.gaussian, name="gaussian")
corruptions = {
    "masking 0.5": lambda images, generator: mask(images, 0.5, generator=generator),
    "Gaussian 0.5": lambda images, generator: add_noise(images, 0.5, generator=generator),
}


def train(corrupt, seed, epochs, batch_size=64):
    """A new network, trained to undo `corrupt(images, generator)`, and the loss of each epoch."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Network()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = []
    for _ in progress_bar(range(epochs), desc="epochs"):
        order = torch.randperm(len(train_images), generator=generator)
        losses = []
        for batch in order.split(batch_size):
            clean = train_images[batch]
            losses.append(step(model, optimizer, clean, corrupt(clean, generator)))
        history.append(float(np.mean(losses)))
    return model, history

# %% tags=["experiment"]
epochs = profile.pick(ci=1, cpu=20, gpu=40)
seeds = range(profile.pick(ci=1, cpu=3, gpu=5))
trained = {
    name: [train(corrupt, seed, epochs) for seed in seeds] for name, corrupt in corruptions.items()
}

figure = viz.figure(6, 3.5)
axes = figure.subplots()
falls = []
for (name, runs), colour, marker in zip(trained.items(), ("#0072B2", "#D55E00"), "os", strict=True):
    losses = runs[0][1]
    axes.semilogy(range(1, epochs + 1), losses, color=colour, marker=marker, label=name)
    falls.append(f"{name} to {losses[-1] / losses[0]:.2f}")
axes.set(xlabel="epoch", ylabel="training loss (MSE)")
axes.set_title(f"The loss falls, {falls[0]}\nand {falls[1]} of its first value", fontsize=10)
axes.xaxis.get_major_locator().set_params(integer=True)
axes.legend()
figure

# %% tags=["experiment"]
example = test_images[7:8]
for name, corrupt in corruptions.items():
    noisy = corrupt(example, torch.Generator().manual_seed(0))
    restored = restore(trained[name][0][0], noisy)
    before, after = (metrics.psnr(x, example, data_range=1).item() for x in (noisy, restored))
    title = f"{name}: from {before:.1f} to {after:.1f} dB, on a digit that the network never saw"
    display(viz.panel(example, noisy, restored, title=title))

# %% [markdown]
# Look again at the second denoised picture: is it still a 9? In our run a bar has grown that makes it nearly a 4, and the PSNR rose
# by 10 dB all the same. A structure that was never there is called a **hallucination**. It looks as clean as the rest; here only
# the difference map gives it away.
#
# ## Trained for one noise, tested on another
#
# Now every network meets both noises. First two methods that learn nothing: leaving the image as it is, and a filter. The filter is a Gaussian
# blur (a weighted mean of the neighbours) or a median filter (the middle value of the neighbours), whichever is better. Its
# strength is chosen on **training** images, so it has its best chance. Masking half of the pixels also halves the
# brightness of a blurred image, so "2 × blur" is on the list, too: the blur, times two.
#
# PSNR (peak signal-to-noise ratio) is the squared error on a logarithmic scale, in decibels (dB): higher is better, and 3 dB more mean half the
# squared error. 1000 test digits; answers are clipped to [0, 1] before they are scored, the noisy image is not.

# %% tags=["experiment"]
from scipy import ndimage


def score(prediction, target, clip=True):
    prediction = prediction.clamp(0, 1) if clip else prediction
    return metrics.psnr(prediction, target, data_range=1).mean().item()


def filters():
    """Every filter that is tried, by name."""
    blur = lambda s, times=1: lambda x: times * ndimage.gaussian_filter(x, (0, 0, s, s))
    found = {f"blur {s:g}": blur(s) for s in (0.4, 0.6, 0.8, 1, 1.3, 1.6)}
    found |= {f"2 × blur {s:g}": blur(s, times=2) for s in (0.6, 0.8, 1, 1.3)}
    return found | {
        f"median {s}×{s}": lambda x, s=s: ndimage.median_filter(x, (1, 1, s, s)) for s in (3, 5)
    }


def best_filter(corrupt):
    """Name and filter with the highest PSNR on 200 training images."""
    clean = train_images[::30]
    noisy = corrupt(clean, torch.Generator().manual_seed(100)).numpy()
    scores = {
        name: score(torch.from_numpy(apply(noisy)), clean) for name, apply in filters().items()
    }
    name = max(scores, key=scores.get)
    return name, filters()[name]

# %% tags=["experiment"]
noisy_digits = {
    name: corrupt(test_images, torch.Generator().manual_seed(200))
    for name, corrupt in corruptions.items()
}
for name, noisy in noisy_digits.items():
    filter_name, apply = best_filter(corruptions[name])
    filtered = score(torch.from_numpy(apply(noisy.numpy())), test_images)
    untouched = score(noisy, test_images, clip=False)
    print(f"{name}: as they are {untouched:.2f} dB, best filter ({filter_name}) {filtered:.2f} dB")

# %% [markdown]
# **Your prediction, before you go on.** Four combinations of training and test. Write the PSNR that you expect for each, in dB, and
# your reason. Which network copes better with the noise that it has never seen? Will it still beat the filter?

# %%
prediction = {
    "trained on masking 0.5, tested on masking 0.5": None,
    "trained on masking 0.5, tested on Gaussian 0.5": None,
    "trained on Gaussian 0.5, tested on masking 0.5": None,
    "trained on Gaussian 0.5, tested on Gaussian 0.5": None,
}
reason = ""

# %% tags=["experiment"]
print(f"PSNR in dB, mean ± standard deviation over {len(seeds)} seeds")
print(f"{'':50}{'predicted':>10}{'measured':>16}")
for name, runs in trained.items():
    for test_name, noisy in noisy_digits.items():
        values = [score(restore(model, noisy), test_images) for model, _ in runs]
        spread = np.std(values, ddof=min(1, len(values) - 1))
        row = f"trained on {name}, tested on {test_name}"
        print(f"{row:50}{str(prediction.get(row)):>10}{np.mean(values):>9.2f} ± {spread:.2f}")

# %% [markdown]
# **What does it make of something that is no digit?** The network has only ever seen upright digits. Give it a digit, then the same
# digit turned by 90°, then a head that was shrunk to 28×28 pixels. All three get the same noise, weaker (sigma 0.2) than in
# training, so that you can still see what lies below it.

# %% tags=["experiment", "picture 1 3"]
from course_lib.data import brains

head = brains.brain_slices("colin27", slices=3).images[1:2]
shrunk = nn.functional.interpolate(head, size=(28, 28), mode="area")
upright = test_images[3:4]
turned = torch.rot90(upright, 1, (2, 3))
for title, picture in {
    "Given an upright digit, the network keeps the strokes": upright,
    "Given a turned digit, it bends the strokes towards digits that it knows": turned,
    "Given a head, it paints strokes of digits": shrunk,
}.items():
    noisy = noise.gaussian(picture, 0.2, generator=torch.Generator().manual_seed(1))
    restored = restore(trained["Gaussian 0.5"][0][0], noisy)
    display(viz.panel(picture, noisy, restored, title=title))

# %% tags=["experiment"]
instant_questions("lab01", [4, 5])

# %% [markdown]
# ## In your own words ({{points prior}})
#
# 1. Compare your prediction with the table. Where were you wrong, and what explains it?
# 2. A radiologist asks: "Your network makes beautiful images. May I trust it with a patient whose disease was not in your
#    training data?" Answer with what you saw, in the table and in the last two pictures.
#
# Five to eight sentences. A wrong prediction costs nothing if you explain it.

# %% [markdown] nbgrader={"grade_id": "prior", "solution": true, "points": 5}
# I predicted that each network loses about 2 dB on the noise that it was not trained for, because the digits are the same and both
# noises are strong. The masking network loses more than that, and neither beats the simple filter there. I had overlooked what each network takes for
# granted: after masking, every pixel that is not black is true. Gaussian noise makes black pixels bright, and the masking
# network believes them. The Gaussian network has learned to doubt every pixel, so it copes better with black holes in a stroke.
#
# To the radiologist: no, not without further tests. The network answers with what its training data made likely: it turned a head into
# strokes of digits, and that looked clean while it was wrong. A disease that was not in the training data is like the turned digit: it
# may be replaced by something healthy and likely. The network gives no sign of it: a clean look says nothing about truth. So one needs a test set with such patients, and the
# difference map.
#
# ### BEGIN MARK SCHEME
# - 1: recorded a prediction, with a reason that follows from the theory or from what each noise does to an image
# - 1: compares it with the table, names the largest disagreement, and gives a cause
# - 1: reads from the table that a network is worse at a noise that it was not trained for, with a number
# - 1: says no, or not yet, and uses a picture: the network turned a head, or a turned digit, into likely strokes
# - 1: says why: it answers with what its training data made likely, and a clean look says nothing about truth
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# A network trained with squared error answers with the mean of the clean images that fit its input, given the noise and the images it was
# trained with. Change the noise, and its idea of "fits" is wrong; change the images, and the mean is taken over the wrong ones. Neither
# shows in its answer. Many expect an unsure network to answer with something unsure; it has never learned to.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - A denoising autoencoder sees the noisy image and is compared with the clean one. New noise in every epoch.
# - The step: forget the gradients, forward, loss, backward, step. In use: `eval()` and `no_grad()`.
# - The network learns the noise *and* the images it was trained on. Outside both it fails, and its answer looks clean all the same.
# - Give the simple methods their best chance, on the same data, before you claim anything.
#
# The loop that you wrote is `course_lib.training.fit`, with checkpoints and GPUs added. Next: lab 02, where the dense
# layers give way to convolutions, and digits to brains.
