# %% [markdown]
# # Lab 01: A dense denoising autoencoder
#
# {{badges}}
#
# **The question of this lab: can a network clean up a digit that it has never seen?**
#
# You need about 90 minutes. On 2 CPU cores the cells compute for less than 3 minutes in all; no GPU is needed.
#
# In this lab you will
#
# - corrupt images in two ways, by masking and by Gaussian noise,
# - build an autoencoder of fully connected layers,
# - write the training loop yourself, line by line,
# - find out what the network does with a noise, and with a picture, that it was not trained for.
#
# {{exercises}}

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# An **autoencoder** is a network that is trained to give back its input. An encoder `f` squeezes an image `x` into a
# short code, a decoder `g` makes an image of it again. The code has fewer numbers than the image. So the network
# cannot simply copy: it must find out what all the images have in common.
#
# A **denoising** autoencoder (Vincent 2008) makes the task harder. First the image is corrupted on purpose, `x̃ ~ q(x̃ | x)`.
# Then the network sees only the corrupted `x̃` and must give back the **clean** `x`:
#
# $$\min_{f, g}\; \mathbb{E}_{x}\, \mathbb{E}_{\tilde x \sim q(\tilde x | x)} \; \lVert g(f(\tilde x)) - x \rVert^2$$
#
# (In the lab we divide by the number of pixels, too: `mse_loss` is a mean.) The best answer to this problem is the mean of all
# clean images that could hide behind `x̃`, each weighted by how likely it is. Where the network cannot
# know, it gives an average, and an average is blurred. Keep that in mind when you look at the results.
#
# **Sources.** Vincent et al. 2008, *Extracting and composing robust features with denoising autoencoders*; phase-1 deck.

# %%
import numpy as np
import torch
from torch import nn

from course_lib import metrics, noise, training, viz
from course_lib.data.digits import digits

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
# **Goal.** `masking(image, fraction, generator)` returns a copy of the tensor in which each pixel is zero with
# probability `fraction`. The other pixels keep their exact value.
#
# **Steps.** Draw a number between 0 and 1 for each pixel: `torch.rand(image.shape, generator=generator)`.
# Where it is below `fraction`, put a zero: `image.masked_fill(where, 0)` or `torch.where(where, 0, image)` make a new tensor.
#
# **Example.** With `fraction=0` nothing changes. With `fraction=1` all is zero. With `0.3` about 30 % are zero.
#
# **Hint.** Always hand `generator` on: then the same seed gives the same noise, and a result can be repeated.

# %% nbgrader={"grade_id": "masking", "solution": true}
def masking(image, fraction, generator):
    """A copy of the tensor with each pixel set to zero with probability `fraction`."""
    ### BEGIN SOLUTION
    dropped = torch.rand(image.shape, generator=generator) < fraction
    return image.masked_fill(dropped, 0.0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "masking_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.noise.masking"):
    seed = lambda number: torch.Generator().manual_seed(number)
    image = torch.rand(40, 1, 28, 28, generator=seed(0)) + 0.5
    before, state = image.clone(), torch.get_rng_state()
    result = masking(image, 0.3, seed(1))
    assert torch.equal(image, before), "your function changed the image that it was given; return a changed copy"
    assert torch.equal(state, torch.get_rng_state()), "your function drew from the global generator: hand `generator` on to torch.rand"
    assert torch.equal(result, masking(image, 0.3, seed(1))), "the same seed should give the same noise: use `generator`"
    zero = result == 0
    share = zero.float().mean().item()
    assert abs(share - 0.3) < 0.012, f"with fraction 0.3 about 30 % of the pixels should be zero, got {100 * share:.0f} %"
    assert torch.equal(result[~zero], image[~zero]), "pixels that are not dropped keep their exact value: no scaling as in dropout"
    assert (zero.flatten(1).float().mean(1) > 0.1).all() and (zero.flatten(1).float().mean(1) < 0.6).all(), "drop pixels, not whole images"
    assert not torch.equal(zero[0], zero[1]), "each image of a batch needs its own mask: draw one number for each pixel of the whole batch"
    stream = seed(1)
    first, second = masking(image, 0.3, stream) == 0, masking(image, 0.3, stream) == 0
    assert not torch.equal(first, second), "two calls with one generator should drop other pixels: draw from `generator` itself, do not start a new one"
    pixels = zero.double() - 0.3
    for axis, a, b in [
        ("rows", pixels[..., 1:], pixels[..., :-1]),
        ("columns", pixels[..., 1:, :], pixels[..., :-1, :]),
        ("batch", pixels[1:], pixels[:-1]),
    ]:  # the correlation of independent pixels is 0 with a standard deviation of 0.006
        link = (a * b).mean() / 0.21
        assert abs(link) < 0.04, f"pixels should be dropped independently, but neighbours along the {axis} go together (correlation {link:.2f})"
    assert torch.equal(masking(image, 0.0, seed(2)), image), "with fraction 0 nothing should change"
    assert (masking(image, 1.0, seed(2)) == 0).all(), "with fraction 1 all pixels should be zero"
print("masking: right")

# %% [markdown]
# ## Exercise 2: Gaussian noise ({{points gaussian}})
#
# **Goal.** `gaussian(image, sigma, generator)` returns `image + n`, where `n` is normally distributed with mean 0 and
# standard deviation `sigma`, drawn anew for each pixel.
#
# **Steps.** `torch.randn` draws with standard deviation 1. What must you do to it to get `sigma`?
#
# **Example.** A grey image of 0.5 with `sigma=0.1` has after it a mean near 0.5 and a standard deviation near 0.1.
#
# **Hint.** Do not clip to [0, 1]. Values below 0 are a part of the noise; cutting them off shifts the mean of dark regions.

# %% nbgrader={"grade_id": "gaussian", "solution": true}
def gaussian(image, sigma, generator):
    """`image + n` with n ~ N(0, sigma²), independent in each pixel."""
    ### BEGIN SOLUTION
    return image + sigma * torch.randn(image.shape, generator=generator)
    ### END SOLUTION


# %% nbgrader={"grade_id": "gaussian_test", "points": 2}
from scipy import stats

from course_lib.exercise import without

with without("course_lib.noise.gaussian"):
    seed = lambda number: torch.Generator().manual_seed(number)
    image = torch.rand(20, 1, 28, 28, generator=seed(3))
    before, state = image.clone(), torch.get_rng_state()
    result = gaussian(image, 0.25, seed(4))
    assert torch.equal(image, before), "your function changed the image that it was given; return a new one"
    assert torch.equal(state, torch.get_rng_state()), "your function drew from the global generator: hand `generator` on to torch.randn"
    assert torch.equal(result, gaussian(image, 0.25, seed(4))), "the same seed should give the same noise: use `generator`"
    added = (result - image).double()
    assert result.min() < 0 and result.max() > 1, "some pixels should fall below 0, and some rise above 1: do not clip"
    stream = seed(4)
    assert not torch.equal(gaussian(image, 0.25, stream), gaussian(image, 0.25, stream)), "two calls with one generator should give other noise: draw from `generator` itself"
    for axis, a, b in [
        ("rows", added[..., 1:], added[..., :-1]),
        ("columns", added[..., 1:, :], added[..., :-1, :]),
        ("batch", added[1:], added[:-1]),
    ]:  # the correlation of independent noise is 0 with a standard deviation of 0.008
        link = (a * b).mean() / (a.std() * b.std())
        assert abs(link) < 0.06, f"each pixel of each image needs its own number, but neighbours along the {axis} go together (correlation {link:.2f})"
    assert abs(added.mean()) < 0.01, f"the noise should have mean 0, got {added.mean():.3f}"
    assert abs(added.std() - 0.25) < 0.01, f"sigma is the standard deviation (not the variance): expected .25, got {added.std():.3f}"
    small = (gaussian(image, 0.05, seed(5)) - image).std()
    assert abs(small - 0.05) < 0.002, f"with sigma 0.05 the noise should have standard deviation 0.05, got {small:.3f}: use `sigma`"
    assert abs(np.corrcoef(added.flatten().abs(), image.flatten())[0, 1]) < 0.05, "the noise should not depend on the brightness: add it, do not multiply"
    fit = stats.kstest(added.flatten().numpy() / 0.25, "norm")
    assert fit.pvalue > 1e-5, "the noise is not normally distributed: torch.randn draws normal numbers, torch.rand uniform ones"
print("gaussian: right")

# %% [markdown]
# ## Exercise 3: the network ({{points DenseDAE}})
#
# **Goal.** A class `DenseDAE` with four fully connected layers: 784 → 256 → 64 → 256 → 784. After the first three comes a
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

# %% nbgrader={"grade_id": "DenseDAE", "solution": true}
class DenseDAE(nn.Module):
    """784 -> 256 -> 64 -> 256 -> 784, ReLU between, sigmoid at the end; (N, 1, 28, 28) in and out."""

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


# %% nbgrader={"grade_id": "DenseDAE_test", "points": 3}
from course_lib.exercise import without

with without("course_lib.models.dae.DenseDAE"):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = DenseDAE()
    sizes = [tuple(parameter.shape) for parameter in network.parameters()]
    wanted = [(256, 784), (256,), (64, 256), (64,), (256, 64), (256,), (784, 256), (784,)]
    assert sizes == wanted, f"the layers should be 784 -> 256 -> 64 -> 256 -> 784 with bias, in this order; your weights have shapes {sizes}"
    batch = torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(5))
    # weights of a size that makes every ReLU and the sigmoid matter, but one that saturates nothing
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 2 / parameter.shape[1] ** 0.5 if parameter.ndim == 2 else 0.5
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
        output = network(batch)
    assert network(batch).requires_grad, "the output has no gradient, so nothing could be learnt: no detach() or no_grad() in forward"
    assert tuple(output.shape) == (3, 1, 28, 28), f"the output should have the shape of the input (3, 1, 28, 28), got {tuple(output.shape)}"
    weights = [parameter.detach().numpy() for parameter in network.parameters()]
    hidden = batch.numpy().reshape(3, 784)
    for index in (0, 2, 4):
        hidden = np.maximum(hidden @ weights[index].T + weights[index + 1], 0)
    expected = 1 / (1 + np.exp(-(hidden @ weights[6].T + weights[7])))
    assert output.min() >= 0 and output.max() <= 1, "the output should lie in [0, 1]: a sigmoid after the last layer"
    assert np.allclose(output.numpy().reshape(3, 784), expected, atol=1e-4), (
        "the numbers differ from Linear-ReLU, Linear-ReLU, Linear-ReLU, Linear-Sigmoid computed by hand:"
        " look at what stands after each layer"
    )
    one = network(batch[:1])
    assert tuple(one.shape) == (1, 1, 28, 28), "any number of images should work: do not write the batch size into forward"
    ### HIDDEN VALUE: random_weights(DenseDAE(), rng)(random_tensor(rng, 3, 1, 28, 28))
print("DenseDAE: right,", sum(parameter.numel() for parameter in network.parameters()), "parameters")

# %% [markdown]
# ## Exercise 4: one step of training ({{points train_step}})
#
# All of deep learning is this step, repeated.
#
# **Goal.** `train_step(model, optimizer, clean, noisy)` does one step and returns the loss as a Python number.
#
# **Steps.**
# 1. Put the model in training mode: `model.train()`.
# 2. Forget the old gradients: `optimizer.zero_grad()`.
# 3. Send the **noisy** images through the model.
# 4. Compare the output with the **clean** images: mean squared error, `nn.functional.mse_loss`.
# 5. Compute the gradients: `loss.backward()`. Change the weights: `optimizer.step()`.
# 6. Return `loss.item()`.
#
# **Example.** A model with one weight `w = 2`, input 1, clean value 5: the output is 2, the loss 9, its gradient
# 2·(2 − 5)·1 = −6. With learning rate 0.1 the weight becomes 2.6.
#
# **Hint.** PyTorch *adds* each new gradient to the old one. Step 2 is there because of that.

# %% nbgrader={"grade_id": "train_step", "solution": true}
def train_step(model, optimizer, clean, noisy):
    """One gradient step that brings model(noisy) closer to clean; returns the loss before the step."""
    ### BEGIN SOLUTION
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% nbgrader={"grade_id": "train_step_test", "points": 3}
from course_lib.exercise import without


class OneWeight(nn.Module):
    """output = weight · input; remembers in which mode it ran."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.modes = []

    def forward(self, x):
        self.modes.append(self.training)
        return self.weight * x


with without("course_lib.training.fit"):
    toy = OneWeight().eval()
    rate = 0.1
    descent = torch.optim.SGD(toy.parameters(), lr=rate)
    weight = 2.0
    for step, (x, y) in enumerate([(1.0, 5.0), (0.5, 1.0), (-1.0, 3.0)]):
        loss, gradient = (weight * x - y) ** 2, 2 * (weight * x - y) * x
        returned = train_step(toy, descent, torch.full((2, 1), y), torch.full((2, 1), x))
        assert isinstance(returned, (float, np.floating)), f"return the loss as a number (loss.item()), not as {type(returned).__name__}"
        assert np.isclose(returned, loss, rtol=1e-4), (
            f"step {step + 1}: the loss should compare model(noisy) with clean and be {loss:.3f}, got {returned:.3f}"
        )
        weight -= rate * gradient
        got = toy.weight.item()
        assert np.isclose(got, weight, rtol=1e-4), (
            f"step {step + 1}: the weight should become {weight:.3f}, got {got:.3f}."
            + (" Did optimizer.step() come after loss.backward()?" if step == 0 else " Are old gradients still added (zero_grad)?")
        )
    draw = torch.Generator().manual_seed(9)
    clean, noisy = (torch.rand(3, 1, 2, 4, generator=draw) for _ in range(2))
    other = OneWeight()
    momentum = torch.optim.SGD(other.parameters(), lr=0.5, momentum=0.9)
    weight, speed = 2.0, 0.0
    for _ in range(2):
        loss = ((weight * noisy - clean) ** 2).mean().item()
        speed = 0.9 * speed + (2 * (weight * noisy - clean) * noisy).mean().item()
        returned = train_step(other, momentum, clean, noisy)
        assert np.isclose(returned, loss, rtol=1e-4), f"the loss is the mean over all pixels of all images, {loss:.4f}, got {returned:.4f}"
        weight -= 0.5 * speed
        assert np.isclose(other.weight.item(), weight, rtol=1e-4), "change the weights with optimizer.step(): another optimizer takes other steps"
    assert all(toy.modes), "the model should be in training mode while it trains: model.train()"
    assert len(toy.modes) == 3, f"one step should send one batch through the model once, not {len(toy.modes) / 3:g} times"
    ### HIDDEN VALUE: (lambda model: [train_step(model, torch.optim.SGD(model.parameters(), lr=0.2), *random_tensor(rng, 2, 3, 1, 5, 7)) for _ in range(3)])(random_weights(nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1)), rng))
print("train_step: right")

# %% [markdown]
# ## Exercise 5: use the model ({{points denoise}})
#
# **Goal.** `denoise(model, noisy)` returns the model's output, as it should be computed when nothing is learnt: in
# **evaluation mode**, **without gradients**. After it the model is again in the mode it was in before.
#
# **Steps.** Remember `model.training`. Call `model.eval()`. Compute inside `with torch.no_grad():`. Restore with
# `model.train(remembered)`.
#
# **Example.** A model with dropout gives the same answer twice when `denoise` calls it, and `output.requires_grad` is `False`.
#
# **Hint.** `eval()` and `no_grad()` are two things: the first changes what layers such as dropout and batch
# normalisation do, the second saves memory and time.

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


# %% nbgrader={"grade_id": "denoise_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.training.denoise"), torch.enable_grad():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        probe = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5))
        batch = torch.rand(4, 1, 6, 5)
        probe[0].weight.data.fill_(3.0)
        probe.train()
        recording = []
        probe[0].register_forward_hook(lambda *_: recording.append(torch.is_grad_enabled()))
        statistics = probe[1].running_mean.clone()
        first, second = denoise(probe, batch), denoise(probe, batch)
    assert torch.equal(first, second), "two calls gave different answers, so dropout was active: call model.eval() first"
    assert torch.equal(statistics, probe[1].running_mean), "batch normalisation learnt from this batch: call model.eval() first"
    with torch.no_grad():
        expected = probe[0](batch) / np.sqrt(1 + 1e-5)  # a fresh BatchNorm2d in evaluation mode divides by sqrt(1 + eps)
    assert torch.allclose(first, expected, atol=1e-5), "return model(noisy) as it is"
    assert not first.requires_grad and not any(recording[:2]), "no gradients are needed here: compute inside `with torch.no_grad():`"
    assert torch.is_grad_enabled(), "gradients are still off after the call: use `with torch.no_grad():`"
    assert probe.training, "the model was in training mode before the call and should be so again: restore it"
    probe.eval()
    denoise(probe, batch)
    assert not probe.training, "the model was in evaluation mode before the call and should stay in it"
    ### HIDDEN VALUE: denoise(random_weights(nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)), rng).train(), random_tensor(rng, 3, 1, 7, 6))
print("denoise: right")

# %% [markdown]
# ## Train it
#
# Here is the whole loop, made of what you wrote. Each image gets **new** noise in every epoch: so the network never sees
# the same noisy image twice, and cannot learn the noise by heart.
#
# (These cells need exercises 1 to 5; until then they stop with `NotImplementedError`. About 10 s for each network on 2 cores.)

# %% tags=["experiment"]
from tqdm.auto import tqdm


def train(corrupt, seed, epochs, batch_size=64):
    """Train a new DenseDAE to undo `corrupt(images, generator)`; returns the model and the loss of each epoch."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = DenseDAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    history = []
    for _ in tqdm(range(epochs), desc="epochs", leave=False):
        order = torch.randperm(len(train_images), generator=generator)
        losses = []
        for batch in order.split(batch_size):
            clean = train_images[batch]
            losses.append(train_step(model, optimizer, clean, corrupt(clean, generator)))
        history.append(float(np.mean(losses)))
    return model, history


corruptions = {
    "masking 0.5": lambda images, generator: masking(images, 0.5, generator),
    "Gaussian 0.5": lambda images, generator: gaussian(images, 0.5, generator),
}

# %% tags=["experiment"]
epochs = profile.pick(ci=1, cpu=20, gpu=40)
seeds = range(profile.pick(ci=1, cpu=3, gpu=5))
trained = {name: [train(corrupt, seed, epochs) for seed in seeds] for name, corrupt in corruptions.items()}

figure = viz.figure(5.5, 3.5)
axes = figure.subplots()
for name, runs in trained.items():
    axes.plot(range(1, epochs + 1), runs[0][1], marker=".", label=name)
axes.set(xlabel="epoch", ylabel="training loss (MSE)", yscale="log", title=f"Training loss, seed 0: {np.log10(runs[0][1][0] / runs[0][1][-1]):.1f} decades in {epochs} epochs")
axes.xaxis.get_major_locator().set_params(integer=True)
axes.legend()
figure

# %% tags=["experiment"]
example = test_images[7:8]
for name, corrupt in corruptions.items():
    noisy = corrupt(example, torch.Generator().manual_seed(0))
    restored = denoise(trained[name][0][0], noisy)
    display(viz.panel(example, noisy, restored, title=f"{name}: a test digit that the network never saw"))

# %% [markdown]
# ## An honest experiment: trained for one noise, tested on another
#
# A network is as good as its training. Here every network meets every noise. Beside them stand two methods that learn
# nothing: leaving the image as it is, and a Gaussian blur or a median filter, whichever is better, with its strength
# chosen on **training** images, so that it has its best chance. PSNR in dB on 1000 test digits, outputs clipped to
# [0, 1] before scoring (the noisy image is not); mean ± standard deviation over seeds.

# %% tags=["experiment"]
from scipy import ndimage


def score(prediction, target, clip=True):
    prediction = prediction.clamp(0, 1) if clip else prediction
    return metrics.psnr(prediction, target, data_range=1).mean().item()


def best_filter(corrupt):
    """The blur or median filter with the highest PSNR on 200 training images."""
    clean = train_images[::30]
    noisy = corrupt(clean, torch.Generator().manual_seed(100))
    candidates = {
        f"Gaussian blur {s:g}": lambda x, s=s: ndimage.gaussian_filter(x, (0, 0, s, s)) for s in (0.4, 0.6, 0.8, 1, 1.3, 1.6)
    }
    candidates |= {f"median {s}×{s}": lambda x, s=s: ndimage.median_filter(x, (1, 1, s, s)) for s in (3, 5)}
    # masking by half also halves the mean brightness: a fair filter gives it back
    candidates |= {f"2 × blur {s:g}": lambda x, s=s: 2 * ndimage.gaussian_filter(x, (0, 0, s, s)) for s in (0.6, 0.8, 1, 1.3)}
    scores = {name: score(torch.from_numpy(filter(noisy.numpy())), clean) for name, filter in candidates.items()}
    name = max(scores, key=scores.get)
    return name, candidates[name]


print(f"{'':28}" + "".join(f"{name:>24}" for name in corruptions))
table = {"nothing": [], "best filter": []} | {f"trained on {name}": [] for name in trained}
for corrupt in corruptions.values():
    noisy = corrupt(test_images, torch.Generator().manual_seed(200))
    table["nothing"].append(f"{score(noisy, test_images, clip=False):.2f}")
    filter_name, filter = best_filter(corrupt)
    table["best filter"].append(f"{score(torch.from_numpy(filter(noisy.numpy())), test_images):.2f} ({filter_name})")
    for name, runs in trained.items():
        values = [score(denoise(model, noisy), test_images) for model, _ in runs]
        table[f"trained on {name}"].append(f"{np.mean(values):.2f} ± {np.std(values, ddof=min(1, len(values) - 1)):.2f}")
for row, values in table.items():
    print(f"{row:28}" + "".join(f"{value:>24}" for value in values))

# %% [markdown]
# **What does it make of something that is no digit?** The network has only ever seen digits. Give it a piece of a brain,
# and a digit turned by 90°.

# %% tags=["experiment"]
from course_lib.data import brains

head = brains.brain_slices("colin27", slices=3).images[1:2]
piece = nn.functional.interpolate(head, size=(28, 28), mode="area")
for name, picture in {"a head": piece, "a turned digit": torch.rot90(test_images[3:4], 1, (2, 3))}.items():
    noisy = gaussian(picture, 0.2, torch.Generator().manual_seed(1))
    restored = denoise(trained["Gaussian 0.5"][0][0], noisy)
    display(viz.panel(picture, noisy, restored, title=f"Given {name}: what does the network make of it?"))

# %% [markdown]
# ## In your own words ({{points prior}})
#
# Look at the last two pictures and at the table. A radiologist asks: "Your network makes beautiful images. May I trust
# it with a patient whose disease was not in your training data?" Answer in three to six sentences. Use what you saw.

# %% [markdown] nbgrader={"grade_id": "prior", "solution": true, "points": 2}
# No, not without further tests. The network answers with what its training data made likely: it turned a head into
# strokes of digits, and it looked clean while it was wrong. In the table each network is good at the noise that it was trained
# with, and worse at the other. A disease that was not in the
# training data is like the turned digit: it may be replaced by something healthy and likely. A clean look says nothing
# about truth, so one needs a test set with such patients, and the difference map.

# %% [markdown]
# ## What to remember
#
# - A denoising autoencoder sees the noisy image and is compared with the clean one. New noise in every epoch.
# - The step: `zero_grad`, forward, loss, `backward`, `step`. Evaluation: `eval()` and `no_grad()`.
# - The network learns the noise *and* the images it was trained on. Outside both it fails, and it does so in a clean look.
# - Give the simple methods their best chance, on the same data, before you claim anything.
#
# The loop that you wrote is `course_lib.training.fit`, with checkpoints and GPUs added. Next: lab 02, where the dense
# layers give way to convolutions, and digits to brains.
