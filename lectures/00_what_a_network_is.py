# %% [markdown]
# # Lecture 00: What a network is
#
# {{badges}}
#
# Forty minutes, to be run while you listen. It goes with lab 00b. Five questions:
#
# 1. What can one neuron do, and what can it not?
# 2. What do more neurons buy, and what does depth buy?
# 3. How does it learn, and what is a good step?
# 4. Why does it fail on new examples, and what helps?
# 5. Where do all those words come from?
#
# In [lab 00b](../labs/lab00b_first_network/lab00b_first_network.ipynb) you do by hand what you see here. Words: the
# [glossary](glossary.md).

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import numpy as np
import torch
from torch import nn

from course_lib import training, viz
from course_lib.data import brains

BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"

# %% [markdown]
# ## 1. One neuron draws one line
#
# A **neuron** takes some numbers `x` and answers with one. It multiplies each of them by a **weight** and adds up, `w·x`. It adds
# one more number, the **bias** `b`, and puts the sum through a fixed **activation function** `f`. The most common `f` is the **ReLU**: negative numbers
# become 0, the others stay. Weights and biases are the **parameters**, the numbers that learning changes. Neurons that see the same
# numbers are a **layer**; layers in a row are a **network**.
#
# So a neuron answers `f(w·x + b)`. With two inputs, `w·x + b = 0` is a **line**: on one side the sum is positive, on the other
# negative. So one neuron can tell two kinds of points apart exactly if a line can. McCulloch and Pitts drew such neurons in 1943;
# Rosenblatt's perceptron (1958) was the first that *learned* its weights from examples.
#
# "Exactly one of two" (XOR) is what no line can separate. Minsky and Papert said so in 1969. Two neurons, and a third that looks at
# the two, can do it. We train both on the four points. **Training** begins with random parameters and changes them in small steps, so that
# one number becomes smaller: the **loss**, which says how wrong the answers are (section 3 shows the steps). Each network gets 20 starts
# with different random numbers.

# %%
corners = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
exactly_one = torch.tensor([[0.0], [1], [1], [0]])


corner_steps = profile.pick(ci=50, cpu=400, gpu=400)


def trained_on_corners(make, seed):
    """A network from `make()`, trained on the four corners; its loss, and how many of them it gets right."""
    with training.fixed_seed(seed):
        model = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(corner_steps):
        loss = nn.functional.binary_cross_entropy_with_logits(model(corners), exactly_one)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model, loss.item(), int(((model(corners) > 0) == (exactly_one > 0.5)).sum())


makers = {
    "one neuron": lambda: nn.Linear(2, 1),
    "two neurons with ReLU, then one": lambda: nn.Sequential(
        nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)
    ),
}
starts = profile.pick(ci=2, cpu=20, gpu=20)
side = torch.linspace(-0.4, 1.4, 91)
plane = torch.stack(torch.meshgrid(side, side, indexing="xy"), -1).reshape(-1, 2)
figure = viz.figure(7.4, 3.6)
for axes, (name, make) in zip(figure.subplots(1, 2), makers.items(), strict=True):
    runs = [trained_on_corners(make, seed) for seed in range(starts)]
    model, loss, _ = min(runs, key=lambda run: run[1])
    with torch.no_grad():
        answer = torch.sigmoid(model(plane)).reshape(91, 91)
    axes.imshow(
        answer, extent=(-0.4, 1.4, -0.4, 1.4), origin="lower", cmap="RdBu_r", vmin=0, vmax=1
    )
    for point, label in zip(corners, exactly_one, strict=True):
        axes.plot(
            *point, "s" if label else "o", color="black", markersize=9, markerfacecolor="white"
        )
        axes.text(
            *(point + 0.07),
            f"{int(label)}",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
        )
    axes.set_title(f"{name}:\nlowest loss of {starts} starts {loss:.2f}", fontsize=10)
    solved = sum(right == 4 for _, _, right in runs)
    axes.set(xlabel=f"first input\n(all four right in {solved} of {starts} starts)", ylabel="second input")
figure

# %% [markdown]
# Red is "yes", blue is "no", white is "one half". On the left the neuron ends undecided everywhere (a loss of 0.69 is what "one half" costs
# at every point): a line could get three of
# four right, but it would be so wrong on the fourth that the loss prefers no line at all. That is a limit of the **function**, and
# no amount of data or time moves it. On the right some starts succeed; those that do not are stopped by the **training**, since the
# function could do it. Keep the two apart whenever a network disappoints you.
#
# ## 2. More neurons, more bends
#
# A **hidden layer** is one between the numbers that go in and the answer. A hidden layer of ReLUs makes a curve of straight pieces; each
# neuron adds at most one bend. With enough of them the curve comes as close
# as you like to any continuous one (Cybenko 1989; Hornik 1991). That says such weights **exist**. It does not say that training finds them.
#
# We let networks of growing width learn one line of a head: position in, brightness out.

# %%
head = brains.brain_slices("colin27", slices=9).images[4, 0]
profile_line = head[108, 20:161]  # one row through the middle
position = torch.linspace(-1, 1, len(profile_line))[:, None]


line_steps = profile.pick(ci=50, cpu=2000, gpu=2000)


def draw_through(layers):
    """The curve that a network draws through the line, and its number of parameters."""
    optimizer = torch.optim.Adam(layers.parameters(), lr=5e-3)
    for _ in range(line_steps):
        loss = nn.functional.mse_loss(layers(position), profile_line[:, None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layers(position).detach()[:, 0], sum(p.numel() for p in layers.parameters())


widths, runs, one_layer = [2, 8, 32, 128], profile.pick(ci=1, cpu=3, gpu=3), {}
for width in widths:
    with training.fixed_seed(width):
        nets = [
            nn.Sequential(nn.Linear(1, width), nn.ReLU(), nn.Linear(width, 1)) for _ in range(runs)
        ]
    one_layer[width] = [draw_through(net) for net in nets]
with training.fixed_seed(0):
    deep = [
        nn.Sequential(
            nn.Linear(1, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 10), nn.ReLU(),
            nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 1),
        )
        for _ in range(runs)
    ]  # fmt: skip
deep_runs = [draw_through(net) for net in deep]

error = lambda curves: np.array(
    [(curve - profile_line).square().mean().sqrt() for curve, _ in curves]
)
figure = viz.figure(8, 3.4)
left, right = figure.subplots(1, 2)
left.plot(position, profile_line, color="black", linewidth=1, label="one row of a head")
for width, colour in ((2, ORANGE), (128, BLUE)):
    left.plot(position, one_layer[width][0][0], color=colour, label=f"{width} neurons")
left.set(xlabel="position", ylabel="brightness", title="Bends are what neurons buy")
left.legend(fontsize=8)
means = [error(one_layer[width]).mean() for width in widths]
right.errorbar(
    widths,
    means,
    [error(one_layer[w]).std() for w in widths],
    fmt="o-",
    color=BLUE,
    label="one hidden layer",
)
right.set(
    xscale="log",
    xlabel="neurons in the hidden layer",
    ylabel="root mean squared error",
    ylim=(0, None),
)
right.axhline(
    error(deep_runs).mean(),
    color=GREEN,
    linestyle="--",
    label=f"4 layers of 10, {deep_runs[0][1]} parameters",
)
right.set_xticks(widths, widths)
right.set_title(f"128 neurons leave {means[-1] / means[0]:.2f} of the error of 2", fontsize=10)
right.legend(fontsize=8)
figure

# %%
print(f"{'network':28}{'parameters':>12}{'error':>9}   (mean of {runs} starts)")
for width in widths:
    print(
        f"{f'one hidden layer of {width}':28}{one_layer[width][0][1]:>12}{error(one_layer[width]).mean():>9.4f}"
    )
print(f"{'4 layers of 10':28}{deep_runs[0][1]:>12}{error(deep_runs).mean():>9.4f}")

# %% [markdown]
# **Depth** composes: a bend of the second layer bends what the first has bent already. So a deep network can have far more
# pieces than a shallow one of the same number of parameters. Whether that helps *here* is what the table says: compare the
# row of four layers with the row of about as many parameters.
#
# ## 3. Learning is walking downhill in fog
#
# The loss is a landscape over the parameters. The **gradient** is its slope along each of them. It points uphill, so a step goes the other
# way, and its length is the slope times the **learning rate**. The gradient knows the slope under your feet, nothing else. Here is the landscape of the
# neuron of lab 00b: one weight, one bias, now three examples, and three walks of 25 steps.

# %%
x, target = np.array([-1.0, 0.5, 2.0]), np.array([-0.5, 0.6, 1.9])


def walk(rate, steps=25):
    """Weight and bias after each step, from (-1, 1.5)."""
    path = [np.array([-1.0, 1.5])]
    for _ in range(steps):
        e = path[-1][0] * x + path[-1][1] - target
        path.append(path[-1] - rate * np.array([np.mean(2 * e * x), np.mean(2 * e)]))
    return np.array(path)


w, b = np.meshgrid(np.linspace(-2, 3.5, 120), np.linspace(-2.5, 2.5, 120))
landscape = np.mean((w[..., None] * x + b[..., None] - target) ** 2, axis=-1)
curvature = 2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1]])
largest = 2 / np.linalg.eigvalsh(curvature)[-1]
rates = {0.02: ORANGE, 0.3: BLUE, round(1.03 * largest, 3): PINK}
figure = viz.figure(8.4, 3.6)
left, right = figure.subplots(1, 2)
left.contour(w, b, landscape, levels=np.geomspace(0.01, 20, 14), colors="grey", linewidths=0.6)
for (rate, colour), marker in zip(rates.items(), "^os", strict=True):
    path = walk(rate)
    left.plot(*path.T, marker=marker, markersize=3, color=colour, label=f"rate {rate}")
    losses = [np.mean((p[0] * x + p[1] - target) ** 2) for p in path]
    right.semilogy(losses, marker=marker, markersize=3, color=colour, label=f"rate {rate}")
left.set(
    xlim=(-2, 3.5),
    ylim=(-2.5, 2.5),
    xlabel="weight",
    ylabel="bias",
    title="Three walks on the loss",
)
right.set(xlabel="step", ylabel="loss", title=f"Above rate {largest:.2f} the loss grows")
right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# For a loss that is a square the limit is known: 2 divided by the largest **curvature** (the largest eigenvalue of the matrix of second derivatives).
# For a network nobody knows it beforehand, and it changes on the way; so one tries rates in steps of 3 or 10.
#
# Three words that belong here:
#
# - **Backpropagation** is the chain rule, applied from the loss back to the first layer; each slope is computed once and handed on. So all
#   slopes together cost about twice as much as the answer itself (Rumelhart, Hinton and Williams 1986).
# - **SGD**: take the slope of a small random **batch** instead of all examples. It is noisy, but a hundred times cheaper (Robbins and Monro 1951).
# - **Adam** divides each parameter's step by the typical size of its gradient, so parameters with small slopes move as well (Kingma and Ba 2015).
#
# Can you trust the gradient? Check it, as you check any code: nudge one parameter and see how the loss changes.

# %%
with training.fixed_seed(0):
    net = nn.Sequential(nn.Linear(3, 5), nn.Sigmoid(), nn.Linear(5, 1)).double()
    inputs, wanted = torch.randn(8, 3).double(), torch.randn(8, 1).double()
loss_of = lambda: nn.functional.mse_loss(net(inputs), wanted)
loss_of().backward()
weight = net[0].weight
differences = torch.zeros_like(weight)
for place in np.ndindex(*weight.shape):
    with torch.no_grad():
        weight[place] += 1e-5
        up = loss_of()
        weight[place] -= 2e-5
        down = loss_of()
        weight[place] += 1e-5
        differences[place] = (up - down) / 2e-5
print(
    "largest difference between backpropagation and nudging:",
    f"{(differences - weight.grad).abs().max():.1e}",
)

# %% [markdown]
# ## 4. Right on the examples, wrong on new ones
#
# The same line of the head again, but noisy: half of its pixels are training examples, the other half are held back for
# **validation**: nothing is learned from them. How do the two losses depend on how long we train? Each network runs from several starts.
# Two remedies are tried as well. **Dropout** switches off a random part of the neurons in each step, so that none can rely on its
# neighbour. **Weight decay** pulls all weights a little towards 0 in each step.

# %%
with training.fixed_seed(1):
    noisy_line = profile_line + 0.1 * torch.randn(len(profile_line))
learn, held_back = slice(0, None, 2), slice(1, None, 2)
steps, every = profile.pick(ci=100, cpu=4000, gpu=4000), 50


def curves_of(dropout=0.0, weight_decay=0.0, seed=0):
    """Training and validation loss after each 50 steps of a network of 2 × 128 neurons."""
    with training.fixed_seed(seed):
        model = nn.Sequential(
            nn.Linear(1, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(dropout), nn.Linear(128, 1)
        )  # fmt: skip
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=weight_decay)
        found = []
        for step in range(steps):
            loss = nn.functional.mse_loss(model.train()(position[learn]), noisy_line[learn, None])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % every == 0:
                with torch.no_grad():
                    answer = model.eval()(position)[:, 0]
                both = [
                    (answer[part] - noisy_line[part]).square().mean().item()
                    for part in (learn, held_back)
                ]
                found.append(both)
    return np.array(found)


seeds = range(profile.pick(ci=1, cpu=3, gpu=5))
recipes = {
    "nothing": {},
    "dropout 0.1": {"dropout": 0.1},
    "weight decay 0.3": {"weight_decay": 0.3},
}
found = {
    name: np.stack([curves_of(**recipe, seed=seed) for seed in seeds])
    for name, recipe in recipes.items()
}
plain = found["nothing"].mean(0)
figure = viz.figure(6.4, 3.4)
axes = figure.subplots()
at = every * np.arange(len(plain))
axes.semilogy(at, plain[:, 0], "--", color=BLUE, label="training")
axes.semilogy(at, plain[:, 1], color=ORANGE, label="validation")
axes.axhline(0.01, color="grey", linewidth=1, label="variance of the noise")
lowest = int(plain[:, 1].argmin())
axes.set(
    xlabel="step",
    ylabel="loss (MSE)",
    title=f"Validation loss: lowest after {at[lowest]} steps,\nat the end {plain[-1, 1] / plain[lowest, 1]:.2f} times that",
)
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %%
print(f"validation loss, mean ± standard deviation over {len(seeds)} starts")
print(f"{'recipe':20}{'lowest on the way':>22}{'at the end':>22}")
for name, curves in found.items():
    low, end = curves[:, :, 1].min(1), curves[:, -1, 1]
    spread = lambda values: f"{values.mean():.4f} ± {values.std(ddof=min(1, len(values) - 1)):.4f}"
    print(f"{name:20}{spread(low):>22}{spread(end):>22}")

# %% [markdown]
# The validation pixels are as noisy as the training pixels, so no network can get below the grey line for long: what lies below
# it on the **training** curve is noise that was learned by heart: that is **overfitting**. **Early stopping** keeps the parameters that had
# the lowest validation loss: that is the column *lowest*. Dropout and weight decay try to keep
# the end near it; the table says whether they did. A fair warning: *lowest* was chosen by looking at the validation pixels, so it is a little too good. For a
# number to publish you need a third set, the **test set**, which nobody looked at before.
#
# **Batch normalisation** (Ioffe and Szegedy 2015) is another matter: it rescales each channel to mean 0 and variance 1 within the
# batch, so that layers see numbers of a steady size and larger learning rates work. While it learns it uses the batch, afterwards averages that it
# has kept; `model.eval()` switches. If you forget it, the same network gives other answers, and you look for the mistake for hours.
#
# ## 5. Where the words come from
#
# | word | first seen | what it was meant for |
# |---|---|---|
# | neuron, threshold | McCulloch and Pitts 1943 | logic in nerve cells |
# | perceptron, learning by examples | Rosenblatt 1958 | a machine that sees |
# | stochastic gradient | Robbins and Monro 1951 | finding a root from noisy measurements |
# | convolution, pooling | Fukushima 1980 | the visual cortex, cells for lines at every place |
# | backpropagation | Linnainmaa 1970; Rumelhart, Hinton and Williams 1986 | rounding errors; then, networks |
# | convolution with learned kernels | LeCun 1989 | handwritten postcodes |
# | ReLU | Fukushima 1969; Nair and Hinton 2010 | vision again; then, easier training |
# | dropout | Srivastava 2014 | against overfitting |
# | Adam, batch normalisation | Kingma and Ba 2015; Ioffe and Szegedy 2015 | faster training |
#
# *Epoch* and *batch* are words of the workshop: one pass over the data, and the part of it that fits into one step.
#
# ## What to remember
#
# - One neuron draws one line. Layers of them bend lines, and a hidden layer that is wide enough bends them into any curve.
# - Ask of every failure: can the network not express it, or did the training not find it?
# - The gradient is local. Its step has a largest size, and nobody tells you which.
# - Training loss measures memory. Validation loss measures learning. For a number to publish, use a test set.
#
# **Sources.** McCulloch and Pitts 1943, [*A logical calculus of the ideas immanent in nervous activity*](https://doi.org/10.1007/BF02478259);
# Robbins and Monro 1951, [*A stochastic approximation method*](https://doi.org/10.1214/aoms/1177729586); Rosenblatt 1958,
# [*The perceptron*](https://doi.org/10.1037/h0042519); Minsky and Papert 1969, *Perceptrons*; Fukushima 1980,
# [*Neocognitron*](https://doi.org/10.1007/BF00344251); Rumelhart, Hinton and Williams 1986,
# [*Learning representations by back-propagating errors*](https://doi.org/10.1038/323533a0); Cybenko 1989,
# [*Approximation by superpositions of a sigmoidal function*](https://doi.org/10.1007/BF02551274); LeCun et al. 1989,
# [*Backpropagation applied to handwritten zip code recognition*](https://doi.org/10.1162/neco.1989.1.4.541); Hornik 1991,
# [*Approximation capabilities of multilayer feedforward networks*](https://doi.org/10.1016/0893-6080%2891%2990009-T); Nair and Hinton 2010, *Rectified
# linear units improve restricted Boltzmann machines*; Srivastava et al. 2014, [*Dropout*](https://jmlr.org/papers/v15/srivastava14a.html);
# Kingma and Ba 2015, [*Adam*](https://arxiv.org/abs/1412.6980); Ioffe and Szegedy 2015,
# [*Batch normalization*](https://arxiv.org/abs/1502.03167).
