# %% [markdown]
# # Lab 00b: Your first network
#
# {{badges}}
#
# **The question of this lab: what happens inside a network when it learns?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "start"
# memory = "1 GB"
# compute_minutes = 0.2
# labs = ["00"]
# lectures = ["00"]
# mathematics = "the product of a matrix and a vector; the derivative of a square"
# objectives = [
#     "compute what one neuron answers, and show why two layers need something between them",
#     "take one step of learning by hand, and see what a learning rate that is too large does",
#     "slide a neuron over an image: that is a convolution",
#     "train a small network, and watch it learn 100 examples by heart",
# ]
# minutes = {reading = 15, neuron = 7, one_layer = 10, gradient_step = 13, rates = 10, play = 8, convolve = 15, training = 12}
# ### END CARD

# %% [markdown]
# This lab is for you if you have never trained a network. (If you have, it will be quick.) It takes the words that lab 01
# uses, one by one, and has you do by hand what each of them means. If you forget one, look it up in the
# [glossary](../../lectures/glossary.md).

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import numpy as np
import torch
from torch import nn

from course_lib import noise, viz
from course_lib.data import brains
from course_lib.exercise import yours
from course_lib.models import neuron as pieces
from course_lib.student import instant_questions

# %% [markdown]
# ## 1. One neuron
#
# A **neuron** takes some numbers `x` and answers with one number. It multiplies each of them by a **weight**, adds
# everything up, and adds one more number, the **bias**. Then it puts the sum through an **activation function**:
#
# $$\text{answer} = f(w_1 x_1 + w_2 x_2 + \dots + w_n x_n + b)$$
#
# Weights and biases are the **parameters**: the numbers that learning changes. The function `f` never changes. Two are common:
#
# - **ReLU**: negative numbers become 0, the others stay as they are.
# - **Sigmoid**: squeezes every number into the range from 0 to 1. It is often put at the end of a network whose answers
#   are pixels.
#
# Many neurons that see the same numbers are a **layer**. PyTorch calls it `nn.Linear(5, 3)`: 5 numbers in, 3 neurons,
# so 3 numbers out. It has 5·3 weights and 3 biases, and leaves the activation to you: `nn.ReLU()` comes after it.

# %% tags=["experiment"]
x = torch.linspace(-4, 4, 81)
figure = viz.figure(7, 2.8, title="Two activation functions: one cuts, one squeezes")
for axes, (name, function) in zip(
    figure.subplots(1, 2), {"ReLU": torch.relu, "sigmoid": torch.sigmoid}.items(), strict=True
):
    axes.plot(x, function(x), color="#0072B2")
    axes.set(xlabel="sum that goes in", ylabel="number that comes out", title=name)
figure

# %% [markdown]
# ## Exercise 1: one neuron ({{points neuron}})
#
# **Goal.** `neuron(x, weights, bias)` returns what one neuron with a ReLU answers to each row of `x`. `x` is a numpy array
# `(N, n)`: N examples of n numbers. The result has the shape `(N,)`.
#
# **Steps.** The weighted sum of each row, then the bias, then the ReLU.
#
# **Example.** Weights 1 and −2, bias 0.5. To the numbers 3 and 1 it answers 3 − 2 + 0.5 = **1.5**. To 1 and 3 it answers
# **0**, since 1 − 6 + 0.5 is negative.
#
# **Hint.** `x @ weights` multiplies a matrix and a vector: one sum for each row. `np.maximum` compares number by number.
#
# ### BEGIN EXPLANATION
# The bias belongs inside the ReLU: it moves the place where the neuron starts to answer. Added after the ReLU it would only
# lift every answer. And each row is an example of its own: the sum runs over the numbers of a row, never over examples.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "neuron", "solution": true}
def neuron(x, weights, bias):
    """ReLU(weighted sum + bias) of each row of x, (N, n) -> (N,)."""
    ### BEGIN SOLUTION
    return np.maximum(x @ weights + bias, 0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "neuron_test", "points": 1}
from course_lib.exercise import without

with without("course_lib.models.neuron.neuron"):
    for x, weights, bias, expected, look in [
        ([[3, 1], [1, 3]], [1, -2], 0.5, [1.5, 0], "the example of the text, in whole numbers"),
        ([[1.0, 2, 3]], [0.5, -1, 1], 0, [1.5], "one example of three numbers"),
        ([[2], [-2], [0]], [3], 1, [7, 0, 1], "the bias comes before the ReLU"),
        ([[-1, -1], [4, 0]], [-2, -1], -0.5, [2.5, 0], "only the whole sum goes through the ReLU"),
    ]:
        x, weights = np.array(x), np.array(weights)
        before = x.copy()
        result = neuron(x, weights, bias)
        assert np.shape(result) == (len(x),), (
            f"{len(x)} examples need {len(x)} answers; the result has the shape {np.shape(result)}"
        )
        assert np.allclose(result, expected), (
            f"{look}: expected {expected}, got {np.round(result, 4)}"
        )
        assert np.array_equal(x, before), "you changed the numbers that were given: make new ones"
    ### HIDDEN VALUE: neuron(rng.normal(0, 2, (9, 4)), rng.normal(0, 1, 4), rng.normal(0, 1))
    ### HIDDEN VALUE: neuron(rng.normal(0, 2, (5, 5)), rng.normal(0, 1, 5), rng.normal(2, 1))
print("neuron: right")

# %% [markdown]
# ## 2. Why there is something between two layers
#
# A network is layers in a row: the answers of one are the numbers that the next one sees. Leave out the activation, and
# something odd happens. The first layer computes $h = W_1 x + b_1$, the second $y = W_2 h + b_2$. Put the first into the
# second and multiply it out. What do you get?
#
# ## Exercise 2: two layers are one ({{points one_layer}})
#
# **Goal.** `one_layer(weights1, bias1, weights2, bias2)` returns `weights, bias` of the **one** layer that gives the same
# answer as the two in a row, for every x.
#
# **Steps.** Do it on paper first: $W_2 (W_1 x + b_1) + b_2 = (\dots)\,x + (\dots)$.
#
# **Example.** First layer: times 2, plus 1. Second layer: times 3, plus 10. Together: 3·(2x + 1) + 10 = **6**x + **13**.
#
# **Hint.** The first bias passes through the second layer, too. `weights1` has the shape `(h, n)`, `weights2` the shape
# `(m, h)`, so the result has `(m, n)`.
#
# ### BEGIN EXPLANATION
# W = W2 W1 and b = W2 b1 + b2: a hundred linear layers in a row can do no more than one. The order of the matrices counts, and
# the first bias is weighted by the second layer. With a ReLU between them the product cannot be multiplied out, and that is
# why depth helps.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "one_layer", "solution": true}
def one_layer(weights1, bias1, weights2, bias2):
    """Weights (m, n) and bias (m,) of the one layer that does what the two do in a row."""
    ### BEGIN SOLUTION
    return weights2 @ weights1, weights2 @ bias1 + bias2
    ### END SOLUTION


# %% nbgrader={"grade_id": "one_layer_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.models.neuron.one_layer"):
    for first, second, expected, look in [
        (([[2]], [1]), ([[3]], [10]), ([[6]], [13]), "the example of the text"),
        (([[1, 2], [0, 1]], [1, -1]), ([[1, 0], [3, 1]], [0, 5]),
         ([[1, 2], [3, 7]], [1, 7]), "two layers of two neurons: which matrix stands on the left?"),
        (([[1, 0, 2], [0, 1, -1]], [0.5, 2]), ([[2, 1]], [0]),
         ([[2, 1, 3]], [3]), "the first bias goes through the second layer"),
    ]:  # fmt: skip
        parts = [np.array(part, dtype=float) for part in (*first, *second)]
        before = [part.copy() for part in parts]
        result = one_layer(*parts)
        assert isinstance(result, (tuple, list)) and len(result) == 2, "return weights, bias"
        for name, got, wanted in zip(("weights", "bias"), result, expected, strict=True):
            assert np.shape(got) == np.shape(wanted) and np.allclose(got, wanted), (
                f"{look}: expected the {name} {wanted}, got {np.asarray(got).tolist()}"
            )
        kept = all(map(np.array_equal, parts, before))
        assert kept, "you changed the weights or biases that were given: make new ones"
    ### HIDDEN VALUE: one_layer(*[rng.normal(0, 1, s) for s in [(4, 6), 4, (3, 4), 3]])
    ### HIDDEN VALUE: one_layer(*[rng.normal(0, 1, s) for s in [(3, 3), 3, (3, 3), 3]])
print("one_layer: right")

# %% [markdown]
# So a straight line stays a straight line, through however many layers. With a ReLU between them, lines can **bend**. Three
# bends make a bump, and enough bumps make any curve:

# %% tags=["experiment"]
x = torch.linspace(-1, 3, 201)
bump = torch.relu(x) - 2 * torch.relu(x - 1) + torch.relu(x - 2)
figure = viz.figure(5.5, 2.8)
axes = figure.subplots()
for at, colour in zip((0, 1, 2), ("#D55E00", "#009E73", "#CC79A7"), strict=True):
    axes.plot(x, torch.relu(x - at), "--", color=colour, label=f"ReLU(x - {at})")
axes.plot(x, bump, color="#0072B2", linewidth=3, label="first - 2 × second + third")
axes.set(xlabel="x", ylabel="answer", title="Three ReLUs make a bump")
axes.legend(loc="upper left")
figure

# %% [markdown]
# ## 3. Learning: one step downhill
#
# Learning needs a number that says how wrong the network is: the **loss**. Ours is the **mean squared error** (MSE): answer
# minus target, squared, and averaged. The network should change its parameters so that the loss becomes smaller. In which
# direction? The **gradient** tells: it is the slope of the loss along each parameter. (The sign ∂ in ∂L/∂w says: the derivative by
# `w` alone, while all other parameters keep their values.) The gradient points uphill, so we go the other way. The **learning rate** says
# how far:
#
# $$w \leftarrow w - \text{rate} \cdot \frac{\partial L}{\partial w} \qquad b \leftarrow b - \text{rate} \cdot \frac{\partial L}{\partial b}$$
#
# Do it once by hand. Our neuron has one weight `w = 1`, the bias `b = 0`, and no ReLU. It gets `x = 2` and answers 1·2 + 0 = 2.
# The target `t` is 1.
#
# | | in general | here |
# |---|---|---|
# | error | $e = wx + b - t$ | 2 − 1 = 1 |
# | loss | $L = e^2$ | 1 |
# | slope along w (chain rule) | $2e \cdot x$ | 2·1·2 = 4 |
# | slope along b | $2e \cdot 1$ | 2·1 = 2 |
# | new w, rate 0.05 | $w - 0.05 \cdot 4$ | **0.8** |
# | new b | $b - 0.05 \cdot 2$ | **−0.1** |
# | new answer, new loss | | 0.8·2 − 0.1 = 1.5, and 0.5² = **0.25** |
#
# The loss fell from 1 to 0.25. With several examples (a **batch**), each slope is the **mean** over the examples.

# %% [markdown]
# ## Exercise 3: one step of learning ({{points gradient_step}})
#
# **Goal.** `gradient_step(weight, bias, x, target, rate)` returns the new weight and the new bias after one step. `x` and
# `target` are arrays `(N,)`, a batch of N examples; the loss is the mean of the squared errors.
#
# **Steps.** Follow the table, with means over the batch.
#
# **Example.** `gradient_step(1, 0, np.array([2.0]), np.array([1.0]), 0.05)` returns `0.8` and `-0.1`.
#
# **Hint.** Both slopes are taken at the **old** weight and bias. So compute both before you change either.
#
# ### BEGIN EXPLANATION
# The slope along w carries the factor x: a weight that saw a large number had a large part in the error, so it changes more.
# The bias always saw a 1. Summing instead of averaging makes the step grow with the batch, and a bias that is computed with the
# new weight takes its slope at a point where the network has never been.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "gradient_step", "solution": true}
def gradient_step(weight, bias, x, target, rate):
    """Weight and bias of a linear neuron after one step on the mean squared error."""
    ### BEGIN SOLUTION
    error = weight * x + bias - target
    return weight - rate * np.mean(2 * error * x), bias - rate * np.mean(2 * error)
    ### END SOLUTION


# %% nbgrader={"grade_id": "gradient_step_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.models.neuron.gradient_step"):
    for start, x, target, rate, expected, look in [
        ((1, 0), [2], [1], 0.05, (0.8, -0.1), "the example of the text"),
        ((0, 0), [1], [3], 0.1, (0.6, 0.6), "the answer is too small, so both should grow"),
        ((2, -1), [3], [5], 0.5, (2, -1), "the answer is right: the slope is 0, nothing moves"),
        ((1, 1), [1, 3], [0, 0], 0.1, (-0.4, 0.4), "two examples: the mean of their slopes"),
        ((0.5, 2), [-2, 1, 4], [1, 1, 1], 0.1, (-0.4, 1.7), "three examples, one below 0"),
    ]:
        batch = np.array([x, target], dtype=float)
        x, target = batch.copy()
        result = gradient_step(*start, x, target, rate)
        pair = isinstance(result, (tuple, list, np.ndarray)) and len(result) == 2
        assert pair, f"return two numbers, `weight, bias`; got {result!r:.60}"
        for name, got, wanted in zip(("weight", "bias"), result, expected, strict=True):
            assert np.shape(got) == (), f"one {name} for the batch, by the mean over it, not {got}"
            assert np.isclose(got, wanted), (
                f"{look}. From {start}, with x {x}, target {target} and rate {rate}:"
                f" expected the {name} {wanted}, got {np.round(got, 4)}"
            )
        assert np.array_equal([x, target], batch), "you changed x or target: make new arrays"
    ### HIDDEN VALUE: gradient_step(*rng.normal(0, 1, 2), *rng.normal(0, 1, (2, 7)), 0.1)
    ### HIDDEN VALUE: gradient_step(*rng.normal(0, 1, 2), *rng.normal(0, 1, (2, 1)), rng.uniform(0.1, 1))
print("gradient_step: right")

# %% [markdown]
# You will never write these slopes for a real network: PyTorch applies the chain rule through all layers by itself
# (**autograd**; for networks it is called **backpropagation**). `loss.backward()` computes all slopes, `.grad` holds them:

# %% tags=["experiment"]
weight, bias = torch.tensor(1.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
loss = (weight * 2 + bias - 1) ** 2
loss.backward()
print("loss", loss.item(), " slope along w", weight.grad.item(), " slope along b", bias.grad.item())

# %% [markdown]
# ### How large a step?
#
# We repeat the step 12 times, from `w = 1` and `b = 0`, with `x = 2` and the target 1, for five learning rates. **Before you
# run anything below**, write your prediction into the next cell. For each rate: does the loss end lower than it began
# (`"falls"`), equal (`"stays"`), or higher (`"grows"`)? One step by hand for each rate will tell you. Write your reason, too.

# %%
prediction = {0.05: None, 0.1: None, 0.15: None, 0.2: None, 0.25: None}
reason = ""

# %% tags=["experiment"]
step = yours("gradient_step", pieces.gradient_step, name="gradient_step")
one, two = np.array([1.0]), np.array([2.0])
figure = viz.figure(6, 3.4)
axes = figure.subplots()
colours, outcomes = ("#0072B2", "#009E73", "#CC79A7", "#E69F00", "#D55E00"), {}
for (rate, guess), colour, marker in zip(prediction.items(), colours, "os^Dv", strict=True):
    weight, bias, losses = 1.0, 0.0, [1.0]
    for _ in range(12):
        weight, bias = step(weight, bias, two, one, rate)
        losses.append(float((2 * weight + bias - 1) ** 2))
    change = losses[-1] - losses[0]
    outcomes[rate] = "stays" if abs(change) < 1e-6 else "falls" if change < 0 else "grows"
    print(
        f"rate {rate:4}: predicted {guess}, measured: {outcomes[rate]}, last loss {losses[-1]:.3g}"
    )
    style = {"marker": marker, "color": colour, "fillstyle": "none"}
    axes.semilogy(np.maximum(losses, 1e-8), label=f"rate {rate}", **style)
growing = ", ".join(f"{rate}" for rate, outcome in outcomes.items() if outcome == "grows")
axes.set(
    xlabel="step", ylabel="loss (1e-8 stands for less)", title=f"The loss grows at rate {growing}"
)
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# ## In your own words: the size of a step ({{points rates}})
#
# (The curves of 0.05 and 0.15 lie on each other: compute the error after one step of each, with its sign.)
#
# Compare your prediction with the measurement. Then explain, with the numbers of one step: why does a step that goes
# **downhill** end higher up when the learning rate is too large? And what would you see in the curve of a real training if
# the rate were far too small? Three to six sentences. A wrong prediction costs nothing if you say what you overlooked.

# %% [markdown] nbgrader={"grade_id": "rates", "solution": true, "points": 3}
# I predicted that 0.2 makes the loss grow; it stays. I had computed the new weight but forgotten the bias. One step changes
# the error by the factor 1 − 10·rate, since both slopes are proportional to the error: −4·2·rate − 2·rate. At 0.05 the error
# halves. At 0.1 the step lands in the minimum. At 0.2 it lands exactly as far on the other side. At 0.25 the error becomes −1.5:
# the slope is right at the place where we stand, but the step is so long that it
# jumps over the minimum and lands higher up on the other side, and the next slope is even steeper. Far too small a rate: the
# curve falls so slowly that it looks flat, though the training is nowhere near its end.
#
# ### BEGIN MARK SCHEME
# - 1: compares the recorded prediction and its reason with the measurement, and says what was right or overlooked
# - 1: explains with numbers that a long step jumps over the minimum and lands higher on the other side
# - 1: says that far too small a rate gives a curve that hardly falls, though the minimum is far away
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# The gradient knows the slope at one place only. The error is multiplied by 1 − 10·rate in each step here, so it shrinks for rates
# below 0.2, keeps its size at 0.2 and grows above. Many people expect "downhill" to mean "lower in any case": that is true for
# short steps only.
# ### END EXPLANATION

# %% tags=["experiment"]
instant_questions("lab00b", [1, 2])

# %% [markdown]
# ## 4. A neuron that slides: convolution
#
# An image of 217×181 pixels has 39,277 numbers. A neuron that sees all of them needs as many weights, and what it learns about
# one corner helps nowhere else. Instead, let a neuron see 3×3 pixels only, and **slide** it over the image. It has nine weights, the
# **kernel**, and they are the same everywhere. At each place it writes one number into a new image. That is a **convolution**.
#
# - **Stride**: how many pixels the kernel moves on. With 2, the answer has half as many rows and columns.
# - **Padding**: rows and columns of zeros around the image, so that the answer need not be smaller.
# - **Channels**: many kernels side by side, each with an answer of its own. 32 kernels give 32 images, which the next layer sees
#   all at once. `nn.Conv2d(1, 32, 3, padding=1)` has 1 channel in, 32 out, and kernels of 3×3.
# - **Pooling**: keep only the largest of 2×2 numbers (`nn.MaxPool2d(2)`). Half the rows and columns remain; where exactly the
#   largest one was is forgotten.
#
# Play: move the kernel from place to place. Then change stride and padding, and predict the size of the answer. Which kernel
# finds the left and right edges of a stroke? (On paper you see one kernel with three settings.)

# %% tags=["experiment"]
from course_lib.data.digits import digits

seven = digits("test", count=10)[0][7:8, :, 4:26, 4:26]
seven = nn.functional.interpolate(seven, size=(9, 9), mode="area")
viz.convolution_slider(seven / seven.max())

# %% [markdown]
# ## Exercise 4: slide a kernel ({{points convolve}})
#
# **Goal.** `convolve(image, kernel, stride=1, padding=0)` returns the answer of a convolution: numpy arrays, image `(H, W)`,
# kernel `(h, w)`.
#
# **Steps.** Put zeros around the image. Find out how many places there are along each side. At each place: multiply the pixels
# under the kernel by its weights and add up.
#
# **Example.** Image `[[1, 2, 3], [4, 5, 6], [7, 8, 9]]`, kernel `[[1, 0], [0, -1]]`. At the first place: 1·1 + 2·0 + 4·0 + 5·(−1)
# = −4. There are 2×2 places, and each gives −4. With `stride=2` only the first one is left.
#
# **Hint.** `np.pad(image, padding)` puts zeros on all four sides. From n pixels, a kernel of k fits at (n − k) // stride + 1
# places. Do not mirror the kernel: mathematicians do, networks do not.
#
# ### BEGIN EXPLANATION
# A convolutional layer is one neuron, asked at many places: so its parameters are the kernel, whatever the size of the image.
# What networks call a convolution is a cross-correlation, as the kernel is not mirrored. For a learned kernel it makes no
# difference: it would learn the mirrored weights.
# ### END EXPLANATION


# %% nbgrader={"grade_id": "convolve", "solution": true}
def convolve(image, kernel, stride=1, padding=0):
    """Slide the kernel (h, w) over the image (H, W): at each place the sum of the products."""
    ### BEGIN SOLUTION
    image = np.pad(image, padding)
    high, wide = kernel.shape
    rows, columns = (image.shape[0] - high) // stride + 1, (image.shape[1] - wide) // stride + 1
    answer = np.zeros((rows, columns))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride
            answer[row, column] = np.sum(image[top : top + high, left : left + wide] * kernel)
    return answer
    ### END SOLUTION


# %% nbgrader={"grade_id": "convolve_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.models.neuron.convolve"):
    nine, tall = np.arange(1.0, 10).reshape(3, 3), np.arange(10.0).reshape(5, 2)
    corner, row = np.array([[1.0, 0], [0, -1]]), np.array([[1.0, 2, 4]])
    for image, kernel, stride, padding, expected, look in [
        (nine, corner, 1, 0, [[-4, -4], [-4, -4]], "the example of the text"),
        (nine, corner, 2, 0, [[-4]], "stride 2: the second place lies outside"),
        (nine, row, 1, 0, [[17], [38], [59]], "a kernel of one row and three columns"),
        (nine, corner, 2, 1, [[-1, -3], [-7, -4]], "stride 2, padding 1: zeros on all four sides"),
        (tall, corner, 1, 0, [[-3], [-3], [-3], [-3]], "an image taller than wide"),
        (tall, corner, 3, 2, [[0, 0], [0, 3], [0, 9]], "stride 3, two rows of zeros on each side"),
        (nine.astype(int), row / 4, 2, 0, [[4.25], [14.75]], "whole pixels, fractions as weights"),
    ]:
        before = image.copy()
        result = convolve(image, kernel, stride=stride, padding=padding)
        assert np.shape(result) == np.shape(expected), (
            f"{look}: count the places; expected {np.shape(expected)}, got {np.shape(result)}"
        )
        got = np.array(result).tolist()
        assert np.allclose(result, expected), f"{look}: expected {expected}, got {got}"
        assert np.array_equal(image, before), "you changed the image that was given"
    ### HIDDEN VALUE: convolve(*[rng.normal(0, 1, s) for s in [(7, 9), (3, 2)]])
    ### HIDDEN VALUE: [convolve(rng.normal(0, 1, (8, 5)), rng.normal(0, 1, (3, 3)), n, 1) for n in (1, 2, 3)]
    ### HIDDEN VALUE: convolve(rng.normal(2, 1, (5, 6)), rng.normal(0, 1, (3, 5)), padding=2)
print("convolve: right")

# %% [markdown]
# Three kernels on a real head, and what pooling leaves: this is what the first layers of a network see, except that a network
# **learns** its kernels.

# %% tags=["experiment", "picture 1 3"]
slide = yours("convolve", pieces.convolve, name="convolve")
head = brains.brain_slices("colin27", slices=9).images[4, 0].numpy()
kernels = {"mean": np.full((3, 3), 1 / 9), "vertical edges": np.array([[-1.0, 0, 1]] * 3)}
kernels["horizontal edges"] = kernels["vertical edges"].T
answers = {name: np.maximum(slide(head, kernel, padding=1), 0) for name, kernel in kernels.items()}
channels = torch.tensor(np.stack(list(answers.values())))[None]  # (1, 3, H, W)
pooled = nn.functional.max_pool2d(channels, 4)
print("head", head.shape, "-> channels", *channels.shape, "-> pooled by 4", *pooled.shape)
viz.gallery(
    [head, *answers.values(), pooled[0, 1]], columns=5,
    titles=["head", *answers, "vertical edges, pooled"], window=viz.window(head),
    title="Three kernels and a ReLU make three channels: bright is what a kernel looks for",
)  # fmt: skip

# %% [markdown]
# ## 5. A whole training
#
# Now everything together. The task: see 5×5 **noisy** pixels, and answer with the **clean** value of the middle one. That is
# denoising, one pixel at a time. The examples come from the course's **synthetic heads**: one average head, deformed at random by the
# computer. Four of them give the **training** examples,
# two others the **validation** examples. Validation examples are never learned from; they show how the network does on
# heads that are new to it.

# %% tags=["experiment"]
heads = brains.brain_slices("cohort", subjects=6, slices=4, progress=False)


def examples(images, count, seed):
    """Noisy squares of 5×5 pixels, (count, 25), and the clean pixel in the middle, (count, 1)."""
    generator = torch.Generator().manual_seed(seed)
    noisy = noise.gaussian(images, 0.1, generator=generator)
    squares = nn.functional.unfold(noisy, 5).transpose(1, 2).reshape(-1, 25)
    middle = images[..., 2:-2, 2:-2].reshape(-1, 1)
    inside = (middle[:, 0] > 0.05).nonzero()[:, 0]  # the air around the head teaches little
    chosen = inside[torch.randperm(len(inside), generator=generator)[:count]]
    return squares[chosen], middle[chosen]


training_set = examples(heads.images[heads.subjects < 4], 10_000, seed=1)
validation_set = examples(heads.images[heads.subjects >= 4], 5_000, seed=2)
noisy_loss = nn.functional.mse_loss(validation_set[0][:, 12:13], validation_set[1]).item()
print("examples", tuple(training_set[0].shape))
print(f"loss of the noisy pixel itself: {noisy_loss:.5f}")

# %% [markdown]
# The noise has the standard deviation 0.1, so its mean square is 0.01: that is the loss of a network that hands the noisy pixel on. A
# network that has learned something ends below it.
#
# The loop is short. Read it line by line: in lab 01 you write its heart yourself.
#
# - A **batch** is the few examples of one step, here 32. An **epoch** is one pass over all training examples: 10,000
#   examples in batches of 32 are 313 steps.
# - The **optimizer** takes the step. **SGD** (stochastic gradient descent) is your `gradient_step` on a random
#   batch: one learning rate for all parameters.
#   **Adam** gives each parameter a step size of its own, from the averages of its last gradients and of their squares; it is less sensitive to the
#   rate, so the course uses it.
# - `model.train()` and `model.eval()` switch between two **modes**: some layers behave differently while they learn (below).
#   `torch.no_grad()` says that no slopes are needed, which saves memory and time.


# %% tags=["experiment"]
def fit(model, inputs, targets, epochs, batch=32, rate=1e-3):
    """Train the model; returns the training loss and the validation loss after each epoch."""
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    curves = {"training": [], "validation": []}
    for _ in range(epochs):
        model.train()
        for chosen in torch.randperm(len(inputs), generator=generator).split(batch):
            loss = nn.functional.mse_loss(model(inputs[chosen]), targets[chosen])
            optimizer.zero_grad()  # forget the old slopes
            loss.backward()  # compute the new ones
            optimizer.step()  # change the parameters
        model.eval()
        with torch.no_grad():
            for name, (x, t) in zip(curves, [(inputs, targets), validation_set], strict=True):
                curves[name].append(nn.functional.mse_loss(model(x), t).item())
    return curves


def network(*between):
    """25 -> 128 -> 128 -> 1, a ReLU after the first two layers, and `between` after each ReLU."""
    torch.manual_seed(0)
    layers = [nn.Linear(25, 128), nn.ReLU(), *between, nn.Linear(128, 128), nn.ReLU(), *between]
    return nn.Sequential(*layers, nn.Linear(128, 1))


# %% [markdown]
# The same network, once with 100 examples and 200 epochs (800 steps), once with 10,000 and 15 epochs (4,695 steps). (A few
# seconds.)

# %% tags=["experiment"]
long, short = profile.pick(ci=(20, 2), cpu=(200, 15), gpu=(200, 15))
few = [part[:100] for part in training_set]
runs = {"100 examples": fit(network(), *few, long)}
runs["10,000 examples"] = fit(network(), *training_set, short)

figure = viz.figure(8, 3.4)
for axes, (name, curves) in zip(figure.subplots(1, 2, sharey=True), runs.items(), strict=True):
    epochs = range(1, len(curves["training"]) + 1)
    axes.semilogy(epochs, curves["training"], "--", color="#0072B2", label="training")
    axes.semilogy(epochs, curves["validation"], color="#D55E00", label="validation")
    growth = curves["validation"][-1] / min(curves["validation"])
    axes.set(xlabel="epoch", ylabel="loss (MSE)")
    axes.set_title(
        f"{name}: the validation loss\nends at {growth:.2f} times its lowest", fontsize=10
    )
    axes.legend()
figure

# %% [markdown]
# On the left the training loss goes on falling while the validation loss turns round and **rises**. The network learns its
# 100 examples by heart, noise included: that is **overfitting**. Four remedies:
#
# - **More examples.** The picture on the right. It is the best remedy, where it can be had.
# - **Early stopping.** Keep the parameters of the epoch with the lowest validation loss.
# - **Dropout.** While learning, switch off a random part of the neurons in every step (`nn.Dropout(0.2)`): none can rely on a
#   neighbour. In evaluation mode all are on.
# - **Batch normalisation.** It subtracts the mean of the batch from each neuron's sum, and divides by the standard deviation
#   (`nn.BatchNorm1d(128)`; for images `nn.BatchNorm2d`). Made to speed up training, it also adds a little noise.
#   In evaluation mode it uses averages that it kept, so an answer does not depend on the other images of the batch.

# %% tags=["experiment"]
remedies = {"none": (), "dropout 0.2": (nn.Dropout(0.2),)}
print(f"100 examples, {long} epochs, one seed{'':7}best epoch   lowest      last validation loss")
for name, between in remedies.items():
    losses = fit(network(*between), *few, long)["validation"]
    print(f"{name:36}{int(np.argmin(losses)) + 1:>10}{min(losses):>11.5f}{losses[-1]:>11.5f}")

# %% [markdown]
# The column *lowest* is what early stopping keeps, *last* is what you get without it. One seed: a small difference may be chance.

# %% tags=["experiment"]
instant_questions("lab00b", [3, 4, 5])

# %% [markdown]
# ## What to remember
#
# - A neuron: weighted sum, bias, activation. Without an activation between them, two layers are one.
# - A step: forward, loss, gradient, a little downhill. Too large a learning rate jumps over the minimum.
# - A convolution is one neuron that slides: few weights, any image size. Stride and pooling shrink, padding keeps the size.
# - An epoch is one pass over all examples. The validation curve, not the training curve, says when to stop.
#
# **Sources.** Rosenblatt 1958, [*The perceptron*](https://doi.org/10.1037/h0042519); Rumelhart, Hinton and Williams 1986,
# [*Learning representations by back-propagating errors*](https://doi.org/10.1038/323533a0); LeCun et al. 1989,
# [*Backpropagation applied to handwritten zip code recognition*](https://doi.org/10.1162/neco.1989.1.4.541); Kingma and Ba 2015,
# [*Adam*](https://arxiv.org/abs/1412.6980); Srivastava et al. 2014, [*Dropout*](https://jmlr.org/papers/v15/srivastava14a.html);
# Ioffe and Szegedy 2015, [*Batch normalization*](https://arxiv.org/abs/1502.03167). To read on: Goodfellow, Bengio and Courville 2016,
# [*Deep Learning*](https://www.deeplearningbook.org), chapters 6 to 9.
#
# Where all these words come from: [lecture 00](../../lectures/00_what_a_network_is.ipynb). Next: lab 01, where a network cleans
# up digits.
