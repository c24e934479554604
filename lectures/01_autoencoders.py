# %% [markdown]
# # Lecture 01: Autoencoders, from PCA to denoising
#
# {{badges}}
#
# Forty minutes, to be run while you listen. It goes with labs 01 and 02. Four questions:
#
# 1. What can a code of `k` numbers keep of an image? (PCA answers first.)
# 2. What does a network that denoises compute, exactly?
# 3. Why convolutions, and not dense layers?
# 4. What did the first papers find, and what should we doubt?
#
# The labs: [01](../labs/lab01_dense_autoencoder/lab01_dense_autoencoder.ipynb) and
# [02](../labs/lab02_convolutional_autoencoder/lab02_convolutional_autoencoder.ipynb). New to networks? Begin with
# [lecture 00](00_what_a_network_is.ipynb). Words: the [glossary](glossary.md).

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import functools

import numpy as np
import torch
from torch import nn

from course_lib import metrics, noise, training, viz
from course_lib.data.digits import digits
from course_lib.models.dae import BrainCDAE, ConvDAE, DenseDAE

train_images, _ = digits("train", count=profile.pick(ci=1000, cpu=6000, gpu=6000))
test_images, _ = digits("test", count=500)

# %% [markdown]
# ## 1. A code of k numbers
#
# An **autoencoder** squeezes an image `x` into a **code** of `k` numbers, and makes an image of them again. Without activation functions
# both halves are matrices: `x → Wᵀx → W Wᵀ x`. The best such pair is known without any training. Subtract the mean image; the
# **principal components** are then the directions in which the images differ most, the first more than the second, and so on. The best
# code says how far an image goes along each of the first `k` (Baldi and Hornik 1989). That is **PCA**, principal component analysis, and it
# is the baseline that an autoencoder with ReLUs must beat. A singular value decomposition of the training digits finds the components; we
# test them on digits that were not used for it.

# %%
mean = train_images.flatten(1).mean(0)
components = torch.linalg.svd(train_images.flatten(1) - mean, full_matrices=False).Vh  # (784, 784), best first


def pca(images, k):
    """Project on the k leading components and back: (N, 1, 28, 28) in and out."""
    basis = components[:k]
    return (mean + (images.flatten(1) - mean) @ basis.T @ basis).view_as(images)


sizes = [2, 8, 32, 64, 128]
# clipped to [0, 1], as the network's sigmoid clips: a fair comparison
errors = [metrics.mse(pca(test_images, k).clamp(0, 1), test_images).mean().item() for k in sizes]

epochs = profile.pick(ci=1, cpu=15, gpu=40)
seeds = range(profile.pick(ci=1, cpu=3, gpu=5))
network_errors = []
for seed in seeds:
    with training.fixed_seed(seed):
        autoencoder = DenseDAE(code=64)
    history = training.fit(
        autoencoder, train_images, test_images, loss=nn.functional.mse_loss, epochs=epochs, batch_size=64, seed=seed
    )
    network_errors.append(history.validation_loss[-1])
network_error = np.mean(network_errors)
ratio = network_error / errors[sizes.index(64)]

figure = viz.figure(6, 3.4)
axes = figure.subplots()
axes.loglog(sizes, errors, "o-", color="#0072B2", label="PCA, k components")
axes.loglog(
    [64] * len(seeds), network_errors, "s", color="#D55E00", label=f"dense autoencoder, {epochs} epochs, {len(seeds)} seeds"
)
axes.set(
    xlabel="numbers in the code",
    ylabel="error on test digits (MSE)",
    title=f"64 numbers: the network has {ratio:.1f} times the error of PCA",
)
axes.set_xticks(sizes, sizes)
axes.legend()
figure

# %% [markdown]
# The title above is computed. Below 1 the network has beaten PCA, above 1 it has not. PCA is the exact optimum of its class, while a
# network must search for its weights, and after a few epochs it is still on the way. A baseline that costs one line deserves to be shown.
#
# ## 2. What does a denoiser compute?
#
# Many clean `x` can hide behind one noisy `y`. Their mean, each weighted by how likely it is once `y` has been seen, is the **posterior
# mean** `E[x | y]`. No answer has a smaller squared error on average, so that is what training heads for. For Gaussian
# noise there is more (Tweedie's formula: Robbins 1956, Miyasawa 1961; for autoencoders and small noise Alain and Bengio 2014):
#
# $$ \mathbb{E}[x \mid y] \;=\; y + \sigma^2 \, \frac{d}{dy} \log p(y) $$
#
# Here `p(y)` is the density of noisy values: high where they are common. Its logarithm rises towards them, so the second term pushes `y`
# to where data is likely, and the denoiser knows this slope without having been told. We can check that where everything is known: let `x` be
# 0 (probability ⅔) or 1 (probability ⅓), and `y = x + n` with sigma 0.3.

# %%
sigma, weight = 0.3, 1 / 3
y = np.linspace(-1, 2, 301)
likelihood = np.exp(-((y[:, None] - np.array([0, 1])) ** 2) / (2 * sigma**2)) * np.array([1 - weight, weight])
density = likelihood.sum(1)
posterior_mean = likelihood[:, 1] / density
tweedie = y + sigma**2 * np.gradient(np.log(density), y)

with training.fixed_seed(0):
    tiny = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
optimizer = torch.optim.Adam(tiny.parameters(), lr=3e-3)
generator = torch.Generator().manual_seed(0)
for _ in range(profile.pick(ci=100, cpu=2000, gpu=2000)):
    clean = (torch.rand(512, 1, generator=generator) < weight).float()
    noisy = noise.gaussian(clean, sigma, generator=generator)
    loss = nn.functional.mse_loss(tiny(noisy), clean)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
learned = tiny(torch.from_numpy(y).float()[:, None]).detach().squeeze().numpy()

print("largest difference between posterior mean and Tweedie's formula:", f"{abs(posterior_mean - tweedie)[1:-1].max():.4f}")
figure = viz.figure(6, 3.4)
axes = figure.subplots()
axes.plot(y, posterior_mean, color="grey", linewidth=5, alpha=0.5, label="posterior mean, exact")
axes.plot(y, tweedie, "--", color="#D55E00", label="y + σ² d/dy log p(y)")
axes.plot(y, learned, ":", color="black", label="a small network, trained on pairs")
axes.set(xlabel="noisy value y", ylabel="answer", title=f"Trained on pairs: at most {abs(learned - posterior_mean).max():.2f} from the posterior mean")
axes.legend()
figure

# %% [markdown]
# Between 0 and 1 the network answers with values that **no clean datum has**. That is the blur of every network trained
# with squared error, in one dimension: an average over what is possible.
#
# ## 3. Why convolutions?
#
# A dense layer has one weight for each pair of pixels. Nothing that it learns in one corner helps in another.

# %%
count = lambda model: sum(parameter.numel() for parameter in model.parameters())
print(f"{'dense, 28×28':28}{count(DenseDAE()):>12,} parameters")
print(f"{'dense, 217×181 (a slice)':28}{count(DenseDAE((217, 181))):>12,} parameters")
print(f"{'convolutional, any size':28}{count(ConvDAE()):>12,} parameters")
print(f"{'BrainCDAE, any size':28}{count(BrainCDAE()):>12,} parameters")

# %% [markdown]
# A convolution is **equivariant** to shifts, away from the border: shift the input, and the output shifts with it. (With two poolings
# this holds exactly only for shifts by multiples of 4.) A dense network is not. We train both for the same number of epochs on centred
# digits, and then move the test digits, as far as they have room to move. (About a minute on 2 cores.)

# %%
corrupt = functools.partial(noise.gaussian, sigma=0.3)
epochs = profile.pick(ci=1, cpu=6, gpu=20)
seeds = range(profile.pick(ci=1, cpu=2, gpu=5))
trained = {"dense": [], "convolutional": []}
for name, make in {"dense": DenseDAE, "convolutional": ConvDAE}.items():
    for seed in seeds:
        with training.fixed_seed(seed):
            model = make()
        # cross-entropy: with the squared error the convolutional network falls into the all-black image (lab 02)
        training.fit(
            model, train_images, loss=nn.functional.binary_cross_entropy, corrupt=corrupt, epochs=epochs, batch_size=64, seed=seed
        )
        trained[name].append(model)

shifts = [0, 1, 2, 3, 4]
edges = torch.cat([test_images[..., -4:, :].flatten(1), test_images[..., -4:].flatten(1)], 1)
movable = test_images[edges.amax(1) == 0]  # nothing of them is lost, whatever the shift
losses = {}
figure = viz.figure(6, 3.4)
axes = figure.subplots()
for (name, models), colour, marker in zip(trained.items(), ("#D55E00", "#0072B2"), "so", strict=True):
    values = np.zeros((len(models), len(shifts)))
    for column, shift in enumerate(shifts):
        moved = torch.roll(movable, (shift, shift), (2, 3))
        noisy = corrupt(moved, generator=torch.Generator().manual_seed(1))
        for row, model in enumerate(models):
            answer = training.denoise(model, noisy).clamp(0, 1)
            values[row, column] = metrics.psnr(answer, moved, data_range=1).mean().item()
    for seed, row in zip(seeds, values, strict=True):
        axes.plot(shifts, row, marker=marker, color=colour, label=None if seed else f"{name}, {len(models)} seeds")
    losses[name] = values[:, -1].mean() - values[:, 0].mean()
    print(f"{name}, {len(movable)} digits, {len(models)} seeds: {values[:, 0].mean():.1f} dB centred,", end=" ")
    print(f"{values[:, -1].mean():.1f} dB moved by {shifts[-1]} pixels")
axes.set_xticks(shifts)
axes.set(xlabel="shift of the test digits (pixels)", ylabel="PSNR (dB)", title="Moved by 4 pixels: " + ", ".join(f"{name} {change:+.1f} dB" for name, change in losses.items()))
axes.legend()
figure

# %%
example = test_images[11:12]
noisy = corrupt(example, generator=torch.Generator().manual_seed(2))
answers = {name: training.denoise(models[0], noisy).clamp(0, 1) for name, models in trained.items()}
scores = {name: metrics.psnr(answer, example, data_range=1).item() for name, answer in answers.items()}
viz.panel(
    example, noisy, answers,
    title="What each network leaves wrong in one digit: " + ", ".join(f"{name} {score:.1f} dB" for name, score in scores.items()),
)

# %% [markdown]
# ## 4. What the first papers found, and what to doubt
#
# *Gondara 2016* trained a small convolutional denoising autoencoder on a few hundred mammograms and dental X-rays of
# 64×64 pixels, and found it better in SSIM than a median filter and non-local means; even with 300 training images,
# and also when the two kinds of images were pooled. The students' project of Thomas, Namgyal, Devi Krishna and Babu (2022),
# and with it this course, starts there. Doubt with us:
#
# - At 64×64 there is little fine detail left to lose. What about a full slice? (Lab 02.)
# - Were the classical filters tuned? (In labs 02 and 04 they are.)
# - One number, without seeds and error bars, is an anecdote. (The two figures above show every seed.)
#
# ## What to remember
#
# - The best linear autoencoder of centred data spans the space of PCA; show PCA beside yours.
# - A denoiser trained with squared error computes the posterior mean: where it cannot know, it averages.
# - Convolutions share weights over the image: fewer parameters, any size, no favourite place.
#
# **Sources.** Baldi and Hornik 1989, [*Neural networks and principal component
# analysis*](https://doi.org/10.1016/0893-6080%2889%2990014-2); Robbins 1956, *An empirical Bayes approach to statistics*, and Miyasawa 1961, *An
# empirical Bayes estimator of the mean of a normal population* (Tweedie's formula); Vincent et al. 2008, [*Extracting and composing robust
# features with denoising autoencoders*](https://doi.org/10.1145/1390156.1390294); Alain and Bengio 2014, [*What regularized auto-encoders
# learn from the data-generating distribution*](https://arxiv.org/abs/1211.4246); Gondara 2016, [*Medical image denoising using convolutional
# denoising autoencoders*](https://arxiv.org/abs/1608.04667); Thomas, Namgyal, Devi Krishna and Babu 2022, *Denoising autoencoder for
# the removal of noise in medical images* (slides of a student project, phase 1).
