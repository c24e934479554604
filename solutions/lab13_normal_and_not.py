# %% [markdown]
# # Lab 13: Normal, and what is not
#
# {{badges}}
#
# **The question of this lab: can a network that saw only healthy brains point at what is wrong, and may I
# throw away the spectra that it dislikes?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 4
# labs = ["06", "07"]
# lectures = ["12"]
# mathematics = "logarithm of a Gaussian density; mean and quantile; the Fourier transform of lab 08"
# objectives = [
#     "train an autoencoder on healthy brains only, and turn what it cannot rebuild into a map",
#     "score such maps fairly where a lesion is one pixel in fifty",
#     "choose a threshold without looking at the sick",
#     "set the network beside an intensity threshold that needs no training",
#     "turn a measured decay into a spectrum, and let a network judge its quality",
#     "find out whom a quality filter harms",
# ]
# minutes = {theory = 15, negative_elbo = 15, anomaly_map = 20, average_precision = 20, threshold_for = 15, lesions = 25, judge = 10, spectrum = 20, TiledCNN = 15, quality = 25, rejected = 20}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Part one: brains
#
# **The idea.** Train an autoencoder on healthy brains only. Its code is short, so it must spend it on what
# brains have in common. A lesion is not that: we hope that it goes in and does not come out. What is left, $|x - \hat x|$,
# is an **anomaly map**. Such a model is called **normative**.
#
# **The variational form** (VAE) scores whole images as well. Its encoder answers with a mean $\mu$ and a
# variance $s^2$ for each number of the code (lab 06). If the decoder's pixels have the standard deviation
# $\sigma$, then, up to a constant and averaged over draws of the code,
#
# $$ -\log p(x)\ \le\ \frac{1}{2\sigma^2}\sum_{\text{pixels}} (x - \hat x)^2 +
# \mathrm{KL}\big(N(\mu, s^2)\,\|\,N(0, 1)\big) $$
#
# The right side is the **negative ELBO** (evidence lower bound). Training makes it small for healthy
# brains, and one hopes that it is large for others. [Lecture 12](../../lectures/12_normal_and_not.ipynb) derives it.
#
# **The doubt.** Whoever marks the brightest pixels finds bright lesions too. Meissen et al. did just
# that on FLAIR images (where many lesions shine), and beat most networks. So every map here competes with methods
# that need no network.
#
# | source | title |
# |---|---|
# | Pinaya et al. 2019, cited by the slides of Arnaiz-Rodríguez 2021 (lab 06) | [*Using deep autoencoders to identify abnormal brain structural patterns in neuropsychiatric disorders*](https://doi.org/10.1002/hbm.24423) |
# | Kingma and Welling 2014 | [*Auto-encoding variational Bayes*](https://arxiv.org/abs/1312.6114) |
# | Baur et al. 2020 | [*Autoencoders for unsupervised anomaly segmentation in brain MR images: a comparative study*](https://arxiv.org/abs/2004.03271) |
# | Meissen et al. 2021 | [*Challenging current semi-supervised anomaly segmentation methods for brain MRI*](https://arxiv.org/abs/2109.06023) |
# | Bermudez et al. 2018 | [*Learning implicit brain MRI manifolds with deep learning*](https://arxiv.org/abs/1801.01847) |

# %%
import functools

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from course_lib import losses, noise, normative, viz

# %% [markdown]
# ## Exercise 1: how unlikely is this brain? ({{points negative_elbo}})
#
# **Goal.** `negative_elbo(image, reconstruction, mean, log_variance, decoder_sd)`: the right side above,
# one number for each image. Images are `(N, 1, H, W)`; mean and logarithm of the variance of the code `(N, K)`.
#
# **Steps.** `losses.kl_divergence` (lab 06) is the second term, one number an image.
#
# **Example.** One pixel, 0.5 against 0.3, `decoder_sd` 0.1: 0.04 / 0.02 = 2. A code of mean 1 and variance 1
# has a KL of 0.5. Together 2.5.
#
# **Hint.** Probabilities of independent pixels multiply: their logarithms add up.
#
# ### BEGIN EXPLANATION
# Both terms are logarithms of probabilities, so both are sums: over all pixels and over all numbers of the code. With a mean over
# pixels the KL weighs 4096 times more, and the code dies: every brain becomes the mean brain. Papers call a chosen weight
# beta; a mean in the place of a sum is a beta that nobody chose.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "negative_elbo", "solution": true}
def negative_elbo(image, reconstruction, mean, log_variance, decoder_sd):
    """Negative evidence lower bound of each image, in nats, without its constant."""
    ### BEGIN SOLUTION
    errors = ((image - reconstruction) ** 2).sum((1, 2, 3))
    return errors / (2 * decoder_sd**2) + losses.kl_divergence(mean, log_variance)
    ### END SOLUTION


# %% nbgrader={"grade_id": "negative_elbo_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.losses.negative_elbo"):
    g = torch.Generator().manual_seed(0)
    x, y = torch.rand(2, 3, 1, 6, 5, generator=g, dtype=torch.float64)
    mean, log_variance = torch.randn(2, 3, 4, generator=g, dtype=torch.float64)
    none, one = torch.zeros(1, 2), torch.tensor([[1.0, 0.0]])
    pixel = torch.full((1, 1, 1, 1), 0.5)
    cases = [  # image, reconstruction, mean, log variance, decoder_sd, expected, what to look at
        (pixel, pixel - 0.2, one, none, 0.1, [2.5], "the example"),
        (pixel, pixel - 0.2, none, none, 0.2, [0.5], "decoder_sd enters as its square, twice"),
        (pixel, pixel, none, none + 1, 0.1, [0.718282], "log_variance is the log of the variance"),
        (x, y, 0 * mean, 0 * mean, 1.0, [2.51875, 3.18782, 2.94845], "a sum over pixels"),
        (x, y, mean, log_variance, 0.3, [29.55754, 40.01124, 34.74473], "both terms"),
        (x[:1], y[:1], mean[:1], log_variance[:1], 0.3, [29.55754], "a batch of one image"),
    ]
    for image, made, mu, log_v, sd, expected, hint in cases:
        before = image.clone()
        got = negative_elbo(image, made, mu, log_v, sd)
        shaped = torch.is_tensor(got) and got.shape == (len(image),)
        assert shaped, f"{hint}: return one number an image, ({len(image)},), got {got}"
        told = f"{hint}: expected {expected}, got {got.tolist()}"
        assert np.allclose(got.tolist(), expected, rtol=1e-4, atol=1e-5), told
        assert torch.equal(before, image), "your answer changed an image: no -=, no [...] ="
    value = negative_elbo(x, y.requires_grad_(), mean.requires_grad_(), log_variance, 0.5)
    assert value.requires_grad, "the bound has no gradient: stay in torch"
    by_y, by_mu = torch.autograd.grad(value.sum(), (y, mean), allow_unused=True)
    for got, slope, by in [(by_y, (y - x) / 0.25, "x̂ is (x̂ − x) / σ²"), (by_mu, mean, "μ is μ")]:
        assert got is not None and torch.allclose(got, slope), f"the gradient by {by}"
    ### HIDDEN VALUE: [negative_elbo(random_tensor(rng, n, 1, h, w), random_tensor(rng, n, 1, h, w) * 3 - 1, random_tensor(rng, n, k) * 4 - 2, random_tensor(rng, n, k) * 8 - 5, s) for n, h, w, k, s in zip((1, 2, 4), rng.integers(2, 9, 3).tolist(), rng.integers(2, 9, 3).tolist(), rng.integers(1, 7, 3).tolist(), rng.uniform(0.1, 2, 3).tolist())]
print("negative_elbo: right")

# %% [markdown]
# ## Healthy brains, small
#
# No skull, 64 × 64 pixels of 2.8 mm. **Split by subject**: some synthetic heads for training, others
# for thresholds, others for the test; Colin27, a real head, is only tested. *PCA* (principal component analysis) is the linear
# autoencoder: 32 numbers, one matrix, one second. The networks take about a minute and a half on 2 cores.

# %% tags=["experiment"]
from course_lib.data.small_brains import small_brains

LEVELS = profile.pick(ci=3, cpu=15, gpu=24)
brains = functools.partial(small_brains, "cohort", slices=LEVELS)
train = brains(subjects=profile.pick(ci=3, cpu=40, gpu=200), seed=0)
validation = brains(subjects=profile.pick(ci=2, cpu=20, gpu=40), seed=1)
unseen = brains(subjects=profile.pick(ci=2, cpu=12, gpu=40), seed=2)
colin = small_brains("colin27", slices=LEVELS)

# %% tags=["experiment"]
from course_lib._progress import progress_bar
from course_lib.exercise import yours
from course_lib.models.normative import NormativeAE, NormativeVAE

library_elbo = lambda *terms: losses.negative_elbo(*terms[:4], decoder_sd=terms[4])
bound = yours("negative_elbo", library_elbo, name="negative_elbo")
STEPS, SD = profile.pick(ci=3, cpu=1000, gpu=20000), 0.05


def trained(Model, seed):
    torch.manual_seed(seed)
    g, network = torch.Generator().manual_seed(seed), Model()
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in progress_bar(range(STEPS), desc=Model.__name__):
        images = train.images[torch.randint(len(train), (16,), generator=g)]
        turned = torch.rand(16, 1, 1, 1, generator=g) < 0.5
        images = torch.where(turned, images.flip(-1), images)
        if Model is NormativeVAE:
            loss = bound(images, *network(images), SD).mean()
        else:
            loss = ((network(images) - images) ** 2).sum((1, 2, 3)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)

# %% tags=["experiment"]
networks = {}
for seed in range(profile.pick(ci=1, cpu=2, gpu=3)):
    networks["AE", seed] = trained(NormativeAE, seed)
    networks["VAE", seed] = trained(NormativeVAE, seed)
average = train.images.flatten(1).mean(0)
directions = torch.linalg.svd(train.images.flatten(1) - average, full_matrices=False).Vh[:32]


def by_pca(images):
    return (average + (images.flatten(1) - average) @ directions.T @ directions).view_as(images)


rebuild = {("PCA", 0): by_pca}
for (name, seed), net in networks.items():
    rebuild[name, seed] = (lambda images, net=net: net(images)[0]) if name == "VAE" else net
print("rms error inside the brain: training heads, unseen heads, Colin27")
for (name, seed), made in rebuild.items():
    parts = train, unseen, colin
    errors = [(made(part.images) - part.images)[part.brain_masks] for part in parts]
    print(f"{name:4} seed {seed}:", *(f"{float((one**2).mean().sqrt()):.3f}" for one in errors))

# %% tags=["experiment", "picture 1 4"]
middle = colin.images[[LEVELS // 2]], colin.brain_masks[[LEVELS // 2]]
greys = viz.window(middle[0])
made = {name: rebuild[name, 0](middle[0]) for name in ("PCA", "AE", "VAE")}
left = {f"|Colin27 − {name}|": (middle[0] - image).abs() for name, image in made.items()}
shown = {"Colin27": middle[0]} | made | left
viz.gallery(
    list(shown.values()), titles=list(shown), columns=4, window=greys,
    title="A healthy brain through 32 numbers: the folds are left over",
)  # fmt: skip

# %% [markdown]
# All three rebuild a blurred brain, and the folds that they miss are in every map, lesion or not. By this error,
# the matrix is level with the networks.
#
# ## Exercise 2: the map ({{points anomaly_map}})
#
# **Goal.** `anomaly_map(image, reconstruction, mask, width)`: the absolute difference, smoothed over the brain
# alone (`width`: how far, in pixels), and 0 outside. Tensors `(N, 1, H, W)`; `mask` is boolean, `True` in the brain.
#
# **Steps.** The given `blur` takes the zeros around the brain for values, and darkens its rim. Divide by what it makes of
# the mask itself (*normalised convolution*): then each pixel is a mean over brain only.
#
# **Example.** The difference is 0.2 all over the brain: the map is 0.2 up to its last pixel, and 0 outside.
#
# **Hint.** What comes first, the absolute value or the blur? Think of a bright and a dark pixel side by side.
#
# ### BEGIN EXPLANATION
# blur(difference · mask) / blur(mask) is a weighted mean of brain pixels. Without the division the rim of the brain fades, and lesions
# of the cortex with it; without the mask before the blur, errors of the background leak in. Absolute value first: smoothing a signed
# difference lets bright and dark cancel. That can be wanted, for noise, but then say so.
# ### END EXPLANATION

# %%
def blur(image, width):
    """A Gaussian blur of standard deviation `width`, with zeros around the image; (N, 1, H, W)."""
    reach = max(1, round(3 * width))
    bell = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * width**2))
    bell = (bell / bell.sum()).to(image)
    down = F.conv2d(image, bell.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(down, bell.view(1, 1, 1, -1), padding=(0, reach))

# %% nbgrader={"grade_id": "anomaly_map", "solution": true}
def anomaly_map(image, reconstruction, mask, width):
    """Absolute difference, smoothed inside the mask, 0 outside; tensors (N, 1, H, W)."""
    ### BEGIN SOLUTION
    inside = mask.to(image)
    difference = blur((image - reconstruction).abs() * inside, width)
    return torch.where(mask, difference / blur(inside, width).clamp(min=1e-12), 0)
    ### END SOLUTION


# %% nbgrader={"grade_id": "anomaly_map_test", "points": 3}
from course_lib.exercise import without

with without("course_lib.normative.anomaly_map", "course_lib.normative.smooth_inside"):
    g = torch.Generator().manual_seed(1)
    image, made = torch.rand(2, 2, 1, 7, 8, generator=g, dtype=torch.float64)
    mask = torch.zeros(2, 1, 7, 8, dtype=torch.bool)
    mask[0, :, 1:6, 2:7] = mask[1, :, :4, :5] = True
    mask[1, :, 2, 2], mask[1, :, 6, 7] = False, True
    stripes = 0.2 * (-1.0) ** torch.arange(8).expand(image.shape)
    for given, hint in [(made + 0.2, "a flat difference"), (made - 0.2, "the other sign"),
                        (made + stripes, "stripes: the absolute value comes first")]:  # fmt: skip
        got = anomaly_map(given, made, mask, 1.0)
        assert torch.is_tensor(got) and got.shape == image.shape, "return a map like the image"
        flat = torch.allclose(got[mask], torch.tensor(0.2, dtype=got.dtype), atol=1e-6)
        told = f"from {float(got[mask].min()):.4f} to {float(got[mask].max()):.4f}"
        assert flat, f"{hint}: expected 0.2 in all of the brain, got {told}"
    loud = torch.where(mask, made, 9.0)
    for width, expected in [(0.7, [0.294552, 0.458617, 0.170287, 0.165961]),
                            (1.5, [0.291742, 0.341596, 0.233869, 0.215373])]:  # fmt: skip
        for drawn, hint in [(made, "random images"), (loud, "9 is drawn outside the brain")]:
            given = image.clone(), drawn.clone(), mask.clone()
            got = anomaly_map(*given, width)
            places = [(0, 1, 2), (0, 3, 4), (1, 0, 0), (1, 3, 4)]
            values = [float(got[n, 0, y, x]) for n, y, x in places]
            same = all(map(torch.equal, given, (image, drawn, mask)))
            assert same, "your answer changed what it was given: no -=, no [...] ="
            assert not got[~mask].any(), "outside the brain the map is 0, not 0 / 0 (NaN)"
            right = np.allclose(values, expected, atol=1e-5)
            assert right, f"{hint}, width {width}: expected {expected}, got {np.round(values, 6)}"
    ### HIDDEN VALUE: [anomaly_map(random_tensor(rng, n, 1, h, 9) * 5, random_tensor(rng, n, 1, h, 9), random_tensor(rng, n, 1, h, 9) < s, w) for n, h, s, w in zip((1, 3, 2, 3), rng.integers(4, 12, 4).tolist(), (0.3, 0.6, 0.9, 0.05), rng.uniform(0.6, 2.5, 4).tolist())]
print("anomaly_map: right")

# %% [markdown]
# ## Where does it see a lesion?
#
# Lesions painted into Colin27: brighter, darker, grain in place of the folds (*texture*), or a **mass** that pushes
# tissue aside and is no brighter than the rest. Change the strength and the kind.

# %% tags=["experiment"]
library_map = lambda *given: normative.anomaly_map(*given[:3], width=given[3])
map_of = yours("anomaly_map", library_map, name="anomaly_map")
LEVEL = torch.tensor([LEVELS // 2])
usual = normative.normal_range(train.images, torch.arange(len(train)) % LEVELS)


def z_map(images, masks, levels, size=torch.abs):
    return normative.smooth_inside(size(usual.z(images, levels)), masks, 1.0)


viz.anomaly_slider(
    *middle,
    {
        "bright pixels": lambda images: images,
        "z-map": lambda images: z_map(images, middle[1], LEVEL),
        "VAE": lambda images: map_of(images, rebuild["VAE", 0](images), middle[1], 1.0),
    },
    [0.03, 0.06, 0.12, 0.2, 0.3], seed=2, window=greys, title="One slice of Colin27",
)  # fmt: skip

# %% [markdown]
# **z-map**: by how many standard deviations a pixel differs from the mean of the training brains at that level: a
# normative model without a network.
#
# ## Exercise 3: one pixel in fifty ({{points average_precision}})
#
# The AUC of lab 07 (here AUROC) does not ask how rare lesions are. With 2 % lesion it may be .95 while only one marked pixel in
# seven is lesion.
#
# **Goal.** `average_precision(scores, labels)`, numpy arrays `(N,)`: in `scores`, higher means more suspicious; `labels`
# is boolean, `True` for lesion.
#
# **Steps.** Let the threshold fall from the highest score to the lowest. At each lesion pixel that comes in, note the
# **precision**: the share of lesion among all pixels marked so far. Return the mean over the lesion pixels.
#
# **Example.** Scores 0.9, 0.8, 0.7, 0.6, and the first and third are lesion: (1 + 2/3) / 2 = 0.8333.
#
# **Hint.** Equal scores pass the threshold *together*. If all scores are equal, the answer is the share of
# lesion pixels: that is chance.
#
# ### BEGIN EXPLANATION
# Precision asks what a marked pixel is worth, so rare lesions lower it; the AUC divides by the healthy pixels, and 1 % of
# many is still many. Ties must come in together, or the order of the array decides. Joining the points by straight lines
# promises thresholds that do not exist.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "average_precision", "solution": true}
def average_precision(scores, labels):
    """Mean precision over the lesion pixels, equal scores found together; arrays (N,)."""
    ### BEGIN SOLUTION
    order = np.argsort(-scores, kind="stable")
    found, hits = scores[order], np.cumsum(labels[order])
    last = np.searchsorted(-found, -found, "right") - 1  # of those with the same score
    return float(np.mean((hits[last] / (last + 1))[labels[order]]))
    ### END SOLUTION


# %% nbgrader={"grade_id": "average_precision_test", "points": 3}
from course_lib.exercise import without

with without(
    "course_lib.normative.average_precision", "course_lib.normative.area_under_curve",
    "sklearn.metrics.average_precision_score", "sklearn.metrics.precision_recall_curve",
):  # fmt: skip
    T, N = True, False
    rare = np.arange(100) == 9
    cases = [  # scores, labels, expected, what to look at
        ([0.9, 0.8, 0.7, 0.6], [T, N, T, N], 0.833333, "the example"),
        ([0.6, 0.9, 0.7, 0.8], [N, T, T, N], 0.833333, "the example, in another order"),
        ([4.0, 3, 2, 1], [T, T, N, N], 1.0, "all lesions come first"),
        ([1.0, 2, 3, 4], [T, N, N, N], 0.25, "the lesion comes last"),
        ([5.0] * 8, [T] + [N] * 7, 0.125, "equal scores: chance is the share of lesion"),
        ([5.0] * 8, [N] * 7 + [T], 0.125, "equal scores: the order must not matter"),
        ([3.0, 2, 2, 2, 1], [T, T, N, N, T], 0.7, "some equal: they come in together"),
        (-np.arange(100.0), rare, 0.1, "one in a hundred, found as the tenth"),
        ([-1.0, -5, -2, -7], [T, T, N, N], 0.833333, "scores may be negative"),
        ([1e3, 3e-4, 2e-4, 1e-4], [T, N, T, N], 0.833333, "scores far apart: each is a threshold"),
    ]
    for scores, labels, expected, hint in cases:
        given = np.array(scores), np.array(labels)
        got = average_precision(*given)
        assert got is not None and np.ndim(got) == 0, f"{hint}: return one number, got {got}"
        told = f"{hint}: expected {expected}, got {float(got):.6f}"
        assert abs(float(got) - expected) < 1e-5, told
        same = np.array_equal(given[0], scores) and np.array_equal(given[1], labels)
        assert same, "your answer changed its input: sort a copy"
    ### HIDDEN VALUE: [average_precision(np.round(rng.normal(0, 1, n) + labels, digits), labels) for n, digits, labels in ((n, d, np.arange(n) % k == 1) for n, d, k in ((9, 9, 3), (60, 0, 7), (200, 1, 20), (31, 0, 2)))] + [average_precision(1e-3 * rng.gamma(0.3, 1, 300), np.arange(300) % 9 == 2)]
print("average_precision: right")

# %% [markdown]
# ## Exercise 4: where to draw the line ({{points threshold_for}})
#
# **Goal.** `threshold_for(scores, ill, subjects, validation, false_alarms)`: a slice is suspicious if
# `score > threshold`. There is one score a slice; `ill` says which slices have a lesion, `subjects`
# whose they are, and `validation` lists the subjects set aside for choosing.
#
# **Steps.** Take the scores that you may look at: **healthy** slices of **validation** subjects. Return the lowest
# of these scores that leaves at most the share `false_alarms` of them above it.
#
# **Example.** These scores are 1, 2, …, 10 and `false_alarms` is 0.2: return 8, since only 9 and 10 lie above.
#
# **Hint.** `np.isin(subjects, validation)`. With 15 slices and a share of 0.1, one may lie above, not one and a half.
#
# ### BEGIN EXPLANATION
# A normative model knows only the healthy, so its threshold may come only from them, and from people who were neither
# trained on (their errors are too small) nor tested. Lesions are not needed: the false alarms are set, the rest is found out.
# Mean plus two deviations promises 2 % for a Gaussian; scores are skewed, and the promise breaks.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "threshold_for", "solution": true}
def threshold_for(scores, ill, subjects, validation, false_alarms):
    """The lowest healthy validation score that leaves at most a share `false_alarms` above it."""
    ### BEGIN SOLUTION
    healthy = np.sort(scores[~ill & np.isin(subjects, validation)])
    above = int(false_alarms * len(healthy) + 1e-9)
    return float(healthy[len(healthy) - 1 - above])
    ### END SOLUTION


# %% nbgrader={"grade_id": "threshold_for_test", "points": 2}
from course_lib.exercise import without

with without("course_lib.normative.threshold_for"):
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(6), 10)
    ill = np.arange(60) % 10 >= 7
    scores = np.round(rng.gamma(2, 10, 60) + 40 * ill + 15 * (subjects > 2), 1)
    ten = np.arange(1.0, 11), np.zeros(10, bool), np.full(10, 4)
    tied = np.array([1.0, 2, 2, 2, 3]), np.zeros(5, bool), np.full(5, 4)
    cases = [  # scores, ill, subjects, validation, share, expected, what to look at
        (*ten, [4], 0.2, 8, "the example"),
        (*ten, [4], 0.0, 10, "no false alarm at all"),
        (*ten, [4], 0.19, 9, "one may lie above, not 1.9"),
        (*tied, [4], 0.2, 2, "equal scores: > threshold, not >="),
        (*tied, [4], 0.7, 2, "equal scores: the lowest *score* that keeps the promise"),
        (ten[0] - 11, *ten[1:], [4], 0.2, -3, "scores may be negative"),
        (scores, ill, subjects, [1], 0.15, 15.1, "subject 1 alone"),
        (scores, ill, subjects, [0, 2], 0.1, 43.5, "two subjects, the sick left out"),
        (scores, ill, subjects, [4, 3, 5], 0.3, 40.4, "three others"),
    ]
    for values, sick, whose, chosen, share, expected, hint in cases:
        before = values.copy()
        got = threshold_for(values, sick, whose, np.array(chosen), share)
        assert got is not None and np.ndim(got) == 0, f"{hint}: return one number, got {got}"
        assert abs(float(got) - expected) < 1e-9, f"{hint}: expected {expected}, got {float(got)}"
        assert np.array_equal(before, values), "your answer changed the scores: sort a copy"
    ### HIDDEN VALUE: [threshold_for(np.round(rng.gamma(2, 10, n) + 30 * (np.arange(n) % 3 == 0) - 40, 2), (np.arange(n) % 3 == 0) & (np.arange(n) % 7 > 2), np.arange(n) % 7, rng.permutation(7)[:k], share) for n, k, share in zip(rng.integers(40, 90, 5).tolist(), (1, 2, 3, 4, 6), rng.uniform(0.02, 0.5, 5).tolist())]
print("threshold_for: right")

# %% [markdown]
# ## Predict
#
# Seven maps: *bright pixels* and *dark pixels* need no training, nor does *median* (the distance to the median
# of 11 × 11 pixels); then *z-map*, *PCA*, *AE* and *VAE*. Which has the highest average precision on Colin27, for each kind
# of lesion at strength 0.3? Say why in the question below.

# %% tags=["experiment"]
prediction = {"bright": None, "dark": None, "texture": None, "mass": None}  # names of methods

# %% [markdown]
# ## The experiment: networks against pixels
#
# All scores are over the pixels of the brain alone: with the empty background, any map looks good.

# %% tags=["experiment"]
from course_lib.data.lesions import add_lesions

STRONG = [("bright", 0.3), ("dark", 0.3), ("texture", 0.3), ("mass", 0.3)]
CASES = [*STRONG, ("bright", 0.12), ("dark", 0.12)]
SIGNS = {"bright": "brighter", "dark": "darker"}
precision_of = yours("average_precision", normative.average_precision, name="average_precision")

medians = lambda images: torch.from_numpy(ndimage.median_filter(images.numpy(), (1, 1, 11, 11)))


def maps_of(images, masks, levels, kind):
    """{(method, seed): map}."""
    found = {("bright pixels", 0): images, ("dark pixels", 0): -images}
    found["z-map", 0] = z_map(images, masks, levels)
    if kind in SIGNS:
        size = torch.neg if kind == "dark" else torch.positive
        found["z-map, sign known", 0] = z_map(images, masks, levels, size)
    for (name, seed), rebuilt in [(("median", 0), medians), *rebuild.items()]:
        answer = rebuilt(images)
        found[name, seed] = map_of(images, answer, masks, 1.0)
        if kind in SIGNS:
            signed = normative.anomaly_map(images, answer, masks, direction=SIGNS[kind])
            found[f"{name}, sign known", seed] = signed
    return found

# %% tags=["experiment"]
def judged(part, kind, strength):
    """{(method, seed): (AUROC, AP)} over all brain pixels, and the share of lesion among them."""
    found = add_lesions(part.images, part.brain_masks, kind, strength, seed=7)
    brain = part.brain_masks[found.rows]
    truth, scores = found.masks[brain].numpy(), {}
    for name, values in maps_of(found.images, brain, found.rows % LEVELS, kind).items():
        pixels = values[brain].numpy()
        scores[name] = normative.area_under_curve(pixels, truth), precision_of(pixels, truth)
    return scores, truth.mean()


results = {
    where: {case: judged(part, *case) for case in progress_bar(CASES, desc=where)}
    for where, part in {"unseen synthetic heads": unseen, "Colin27": colin}.items()
}


def mean_of(where, case, method):
    """AUROC and AP, the mean over the seeds of a network."""
    pairs = [pair for name, pair in results[where][case][0].items() if name[0] == method]
    return np.mean(pairs, 0) if pairs else (np.nan, np.nan)

# %% tags=["experiment"]
METHODS = list(dict.fromkeys(name for name, _ in results["Colin27"][CASES[0]][0]))
for where, found in results.items():
    print(f"\n{where}: AUROC / AP (the mean of the seeds)\n")
    print("| map |", " | ".join(f"{kind} {strength:g}" for kind, strength in CASES), "|")
    print("|---" * (len(CASES) + 1) + "|")
    for method in METHODS:
        told = ("{:.2f} / {:.2f}".format(*mean_of(where, case, method)) for case in CASES)
        print(f"| {method} |", " | ".join(told).replace("nan / nan", "–"), "|")
    print("| chance |", " | ".join(f"0.50 / {found[case][1]:.2f}" for case in CASES), "|")

# %% tags=["experiment"]
RIVALS = [name for name in METHODS if "sign" not in name]
figure = viz.figure(9, 3.6, alt="AP of each map, by kind of lesion: see the tables above")
winners = {}
for axes, case in zip(figure.subplots(1, 4, sharey=True), STRONG, strict=True):
    for where, mark, colour in zip(results, "os", viz.COLOURS, strict=False):
        pairs = {key: pair[1] for key, pair in results[where][case][0].items() if key[0] in RIVALS}
        rows = [RIVALS.index(name) for name, _ in pairs]
        axes.plot(list(pairs.values()), rows, mark, color=colour, label=where)
    axes.axvline(results["Colin27"][case][1], color="0.5", linestyle=":")
    axes.set_yticks(range(len(RIVALS)), RIVALS)
    axes.set(xlabel="average precision", xlim=(0, 1), ylim=(len(RIVALS) - 0.5, -0.5), title=case[0])
    best = max(RIVALS, key=lambda name, case=case: mean_of("Colin27", case, name)[1])
    winners[case[0]] = f"{best} {mean_of('Colin27', case, best)[1]:.2f}"
axes.legend(fontsize=7)
told = "; ".join(f"{kind}: {name}" for kind, name in winners.items())
figure.suptitle(f"Highest AP on Colin27 at strength 0.3 (one mark per seed)\n{told}", fontsize=11)
print("you predicted:", prediction)
figure

# %% [markdown]
# Published, for comparison (Meissen et al. 2021, FLAIR images; Dice at the best threshold / AP / AUROC):
#
# | method | multiple sclerosis: MSLUB | MSSEG2015 |
# |---|---|---|
# | AE, dense code | .271 / .163 / .794 | .185 / .080 / .879 |
# | VAE, restoration (lecture 12) | .333 / .275 / .839 | .272 / .202 / .905 |
# | f-AnoGAN (a GAN) | .283 / .221 / .856 | .342 / .255 / .923 |
# | **threshold on the brightness** | **.374** / .271 / **.991** | **.431** / **.262** / **.996** |
#
# One thing is unfair: *bright pixels* knows beforehand that lesions are bright. The rows *sign known* give the
# others the same knowledge: the signed difference in place of the absolute one.

# %% [markdown]
# ### An answer for each slice
#
# Now a slice gets one score: the highest value of its map, or the negative ELBO (at the mean code). Your threshold comes from the
# healthy slices of the validation heads, at 5 % false alarms. *n* counts slices, not heads.

# %% tags=["experiment"]
def library_threshold(scores, ill, subjects, chosen, false_alarms):
    return normative.threshold_for(scores[~ill & np.isin(subjects, chosen)], false_alarms)


line_for = yours("threshold_for", library_threshold, name="threshold_for")


def slice_scores(images, masks, rows):
    """{method: the highest value of its map in each slice}, and the negative ELBO."""
    maps, found = maps_of(images, masks, rows % LEVELS, None), {}
    for name in ("bright pixels", "z-map", "PCA", "VAE"):
        found[name] = maps[name, 0].masked_fill(~masks, -9).amax((1, 2, 3)).numpy()
    return found | {"negative ELBO": bound(images, *networks["VAE", 0](images), SD).numpy()}


of_part = lambda part: slice_scores(part.images, part.brain_masks, torch.arange(len(part)))
whose = validation.subjects.numpy()
lines = {
    name: line_for(scores, np.zeros(len(whose), bool), whose, np.unique(whose), 0.05)
    for name, scores in of_part(validation).items()
}
groups = {"healthy, unseen": of_part(unseen), "healthy, Colin27": of_part(colin)}

# %% tags=["experiment"]
for kind, strength in STRONG:
    found = add_lesions(unseen.images, unseen.brain_masks, kind, strength, seed=7)
    groups[kind] = slice_scores(found.images, unseen.brain_masks[found.rows], found.rows)
counted = [f"{name} (n = {len(scores['VAE'])})" for name, scores in groups.items()]
print("| called suspicious |", " | ".join(counted), "|")
print("|---" * (len(groups) + 1) + "|")
for name, line in lines.items():
    shares = [f"{(scores[name] > line).mean():.0%}" for scores in groups.values()]
    print(f"| {name} |", " | ".join(shares), "|")

# %% [markdown]
# ## In your own words: does it find lesions? ({{points judge}})
#
# "Our VAE finds lesions with an AUROC of .95." What would you ask before you believe that it helps a doctor? Use your
# prediction and the tables, for a kind that it finds and one that it does not. Four to six sentences.

# %% [markdown] nbgrader={"grade_id": "judge", "solution": true, "points": 2}
# I predicted that brightness wins for bright lesions, since it looks for just that, and the VAE for all others. On Colin27
# at strength 0.3 (profile cpu, 2 seeds) bright pixels had an average precision of .94 for bright lesions, the VAE .49. For dark ones,
# dark pixels had .68 and the VAE .42, but .82 once the sign was known; the z-map, without a network, had .65, and .90 with the sign. A mass was found by nothing (.05 to .07, chance
# .07): its grey values are normal, and stretched tissue even has fewer folds to miss. So I would ask for the same score of plain brightness
# and of a z-map, on the same lesions; for the average precision and the share of lesion pixels (texture has an AUROC of .86 here
# and a precision of .09); which kinds of lesions were tested; and how many healthy people of another scanner are called
# ill. With a threshold for 5 % false alarms, 8 % (VAE) to 14 % (brightness) of the slices of unseen healthy heads were
# suspicious (of Colin27's one of 15, for the VAE): slices of one head are alike, so twenty heads are few.
#
# ### BEGIN MARK SCHEME
# - 1: compares a prediction, with its reason, to the measurement, for a kind that is found and one that is not
# - 1: asks for two of these: a baseline without training (brightness, z-map), average precision and the share of lesion,
#   false alarms at a threshold from healthy people of another scanner, the kinds of lesion in the test
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# An AUROC has no meaning without a rival: for lesions that are bright, brightness alone reaches it. It also hides how many healthy
# pixels are marked with each lesion pixel. And a map of grey-value differences sees only what differs in grey value: tissue that is
# pushed aside is normal tissue in the wrong place.
# ### END EXPLANATION

# %% [markdown]
# ## Brains that nobody has (not graded)
#
# Bermudez et al. drew new brains with a GAN: a generator turns random numbers into images, and a
# **discriminator** learns to tell them from real ones. Does it just *remember*? A distance to the nearest training
# image says nothing alone: set it beside that of real brains that no training saw.

# %% tags=["experiment"]
from course_lib.models.dcgan import DCGANDiscriminator, DCGANGenerator


SIDE, central = profile.pick(ci=32, cpu=32, gpu=64), slice(LEVELS // 3, LEVELS - LEVELS // 3)

def middles(part):  # of each head the slices around the middle, smaller on a CPU
    chosen = part.images.unflatten(0, (-1, LEVELS))[:, central].flatten(0, 1)
    return F.interpolate(chosen, size=(SIDE, SIDE), mode="area")

pool, g = middles(train), torch.Generator().manual_seed(0)
torch.manual_seed(0)
draw, judge = DCGANGenerator(SIDE), DCGANDiscriminator(SIDE)
for_draw, for_judge = (torch.optim.Adam(n.parameters(), 5e-4, (0.5, 0.999)) for n in (draw, judge))
entropy, real_is, fake_is = F.binary_cross_entropy_with_logits, torch.ones(32), torch.zeros(32)
for _ in progress_bar(range(profile.pick(ci=2, cpu=1200, gpu=20000)), desc="GAN"):
    fake = draw(torch.randn(32, 64, generator=g))
    real = pool[torch.randint(len(pool), (32,), generator=g)]
    # detach: in this step only the judge learns
    loss = entropy(judge(real), real_is) + entropy(judge(fake.detach()), fake_is)
    for_judge.zero_grad()
    loss.backward()
    for_judge.step()
    for_draw.zero_grad()
    entropy(judge(fake), real_is).backward()  # the generator wants them taken for real
    for_draw.step()

# %% tags=["experiment"]
with torch.no_grad():
    drawn = draw.eval()(torch.randn(60, 64, generator=g))
copied = pool[torch.randperm(len(pool), generator=g)[:60]]
drawers = {
    "GAN": drawn,
    "thief: training images, a little noise": noise.gaussian(copied, 0.01, generator=g),
    "the mean brain, again and again": pool.mean(0, keepdim=True).expand(60, -1, -1, -1),
    "real, unseen subjects": middles(unseen),
}
for name, images in drawers.items():
    near = normative.nearest_training_image(images, pool)[0].mean()
    apart = torch.pdist(images.flatten(1)).mean() / SIDE
    print(f"{name:40} from the nearest {near:.3f}, from each other {apart:.3f}")
nearest = pool[normative.nearest_training_image(drawn[:4], pool)[1]]
viz.gallery(
    [*drawn[:4], *nearest], columns=4, titles=["drawn"] * 4 + ["nearest training"] * 4,
    window=viz.window(nearest[0]), title="Drawn by the GAN, and the training image nearest to each",
)  # fmt: skip

# %% [markdown]
# A thief is caught by the first number, the mean brain by the second; for a good generator both are like those of
# the last line. Ours draws blotchy brains, and different ones; its distance from the nearest shows no copying.
#
# Bermudez et al. also denoise, with an autoencoder whose skips are added. They test on new noise; whether on
# new subjects too, we could not find out. Does it matter? (Layer sizes are ours.)

# %% tags=["experiment"]
from course_lib import evaluation, training
from course_lib.classical.bm3d import bm3d
from course_lib.models.skip_denoiser import SkipDenoiser

NOISE, few = 0.05, train.of_subjects(range(profile.pick(ci=1, cpu=4, gpu=4)))
with training.fixed_seed(0):
    denoiser = SkipDenoiser()
training.fit(
    denoiser, few.images, loss=F.mse_loss, corrupt=functools.partial(noise.gaussian, sigma=NOISE),
    epochs=profile.pick(ci=1, cpu=40, gpu=400), batch_size=16, learning_rate=2e-3,
)  # fmt: skip
both = {"autoencoder": lambda noisy, sigma: training.denoise(denoiser, noisy), "BM3D": bm3d}
for name, part in {"training heads": few, "unseen heads": unseen, "Colin27": colin}.items():
    some, masks = part.images[: 4 * LEVELS], {"brain": part.brain_masks[: 4 * LEVELS]}
    table = evaluation.compare(both, some, noise.gaussian, sigma=NOISE, masks=masks, progress=False)
    found = table.values["brain"]["PSNR"]
    told = ", ".join(f"{method} {np.mean(values):.2f}" for method, values in found.items())
    print(f"{name}, new noise: {told} dB in the brain")

# %% [markdown]
# ## Part two: spectra
#
# From one place in the brain, a **voxel**, a scanner can record a decaying signal, the **FID**
# (free induction decay). Its Fourier transform is a **spectrum**: each molecule has peaks at
# places of its own, in **ppm** (millionths of the scanner's frequency), and their size follows
# its amount. In a healthy brain NAA (N-acetylaspartate, 2.0 ppm, from neurons) is tallest, then creatine (3.0) and
# choline (3.2, from membranes). In many tumours **NAA falls and choline rises**, and lactate or fat
# may appear at 1.3.
#
# A scan gives thousands of spectra, and many are useless: little signal, broad lines, water, fat
# from the scalp. Gurbani et al. 2018 let a **tiled CNN** throw them out ([*A convolutional neural network
# to filter artifacts in spectroscopic MRI*](https://www.ncbi.nlm.nih.gov/pmc/articles/PMC6107370/)).
#
# We have no such data, so ours are simulated. Where the peaks stand and how they split was measured
# ([Govindaraju et al. 2000](https://doi.org/10.1002/1099-1492%28200005%2913:3%3C129::AID-NBM619%3E3.0.CO;2-V), *Proton NMR chemical
# shifts and coupling constants for brain metabolites*). Amounts, decay times and the eight artefacts
# are *chosen* to look typical. Each patient has eight voxels.

# %%
import math

from torch import nn

from course_lib import mrs
from course_lib.models import tiled


def voxels(patients, seed, **options):
    return mrs.simulate(patients, generator=np.random.default_rng(seed), **options)


# %% [markdown]
# ## Exercise 5: from decay to spectrum ({{points spectrum}})
#
# **Goal.** `spectrum(fid, dwell, frequency, reference)` returns the ppm axis and the real part of the spectrum.
# `fid` is complex, `(…, points)`, one point every `dwell` seconds; `frequency` is the scanner's, in MHz; `reference` is
# the ppm of a signal that does not turn (0 Hz).
#
# **Steps.**
# 1. Halve the first point, in a copy. The signal begins there, and a whole first point would lift the entire spectrum.
# 2. Transform along the last axis, orthonormal, with zero frequency in the middle.
# 3. Make the axis, which rises: a frequency in Hz, divided by the MHz, is the distance from the reference in ppm.
#
# **Example.** For `[1, 1, 1, 1]`, 0.25 s, 1 MHz and 4.7 ppm, the axis is `[2.7, 3.7, 4.7, 5.7]` and the
# spectrum `[-0.25, -0.25, 1.75, -0.25]`.
#
# **Hint.** `np.fft.fftfreq` gives the frequencies. Whatever you do to the spectrum's order, do to them too. Only plots turn the
# axis round.
#
# ### BEGIN EXPLANATION
# The Fourier integral begins at time 0, and the trapezoid rule counts an end point half. Whole, it adds the same number to
# every point of the spectrum: a false baseline. Positive frequencies lie above the reference, and 123 Hz are one ppm at
# 123 MHz; shifting the spectrum but not the axis, or the voxels with it, is the usual slip. The magnitude would be always
# positive, but it makes lines broader and turns noise into a floor (lab 04).
# ### END EXPLANATION

# %% nbgrader={"grade_id": "spectrum", "solution": true}
def spectrum(fid, dwell, frequency, reference):
    """The ppm axis (points,) and the real part of the spectrum (…, points)."""
    ### BEGIN SOLUTION
    weight = np.ones(fid.shape[-1])
    weight[0] = 0.5
    turned = np.fft.fftshift(np.fft.fft(fid * weight, norm="ortho"), axes=-1)
    hertz = np.fft.fftshift(np.fft.fftfreq(fid.shape[-1], dwell))
    return reference + hertz / frequency, turned.real
    ### END SOLUTION


# %% nbgrader={"grade_id": "spectrum_test", "points": 3}
from course_lib.exercise import without

with without("course_lib.mrs.spectrum", "course_lib.mrs.spectrum_at"):
    ones, five = np.ones(4, complex), np.array([2 + 1j, 1 - 2j, 0.5j, -1, 3j])
    cases = [  # fid, dwell, frequency, reference, axis, spectrum, what to look at
        (ones, 0.25, 1.0, 4.7, [2.7, 3.7, 4.7, 5.7], [-0.25, -0.25, 1.75, -0.25], "the example"),
        (five, 0.1, 2.0, 1.0, [-1, 0, 1, 2, 3],
         [1.4742, 2.9424, 0.4472, -1.048, -1.5798], "five points"),
        (1j * five, 0.5, 10.0, 0.0, [-0.08, -0.04, 0, 0.04, 0.08],
         [0.2316, -0.8691, -0.8944, 0.5073, -0.0934], "a phase of 90°"),
    ]
    cases.append((np.stack([ones, ones * 2, ones * 0])[None], *cases[0][1:4], cases[0][4],
                  np.outer([1, 2, 0], cases[0][5])[None], "(1, 3, 4): each has its own spectrum"))
    for fid, dwell, frequency, reference, axis, expected, hint in cases:
        kept = fid.copy()
        answer = spectrum(fid, dwell, frequency, reference)
        assert isinstance(answer, tuple) and len(answer) == 2, "return two things: axis, spectrum"
        ppm, real = map(np.asarray, answer)
        assert np.array_equal(fid, kept), "your answer changed `fid`: halve a copy"
        assert ppm.shape == np.shape(axis), f"{hint}: the axis is one row, got {ppm.shape}"
        near = np.allclose(ppm, axis, atol=1e-3)
        assert near, f"{hint}: expected the axis {axis}, got {ppm.round(3)}"
        assert np.isrealobj(real), f"{hint}: the real part, not the complex spectrum"
        near = real.shape == np.shape(expected) and np.allclose(real, expected, atol=1e-3)
        assert near, f"{hint}: expected {np.round(expected, 3)}, got {real.round(3)}"
    ### HIDDEN VALUE: [spectrum(rng.normal(size=shape) + 1j * rng.normal(size=shape), *rng.uniform(0.5, 2, 3).tolist()) for shape in ((2, 7), (2, 16), (2, 3, 5))]
print("spectrum: right")

# %% [markdown]
# Ten healthy people and ten tumours, by your function:

# %% tags=["experiment"]
scanner = mrs.SCANNER
to_spectrum = yours("spectrum", mrs.spectrum, name="spectrum")
figure = viz.figure(8.5, 3.2)
ratios = {}
for axes, name, share in zip(
    figure.subplots(1, 2, sharey=True), ("healthy", "tumour"), (0, 1), strict=True
):
    fids = voxels(10, 0, voxels=1, tumours=share, bad=0).fids
    ppm, lines = to_spectrum(fids, scanner.dwell, scanner.frequency, scanner.reference)
    axes.plot(ppm, lines.T, color=viz.COLOURS[share], linewidth=0.6)
    axes.set(xlim=(4.4, 0.5), xlabel="ppm", ylabel="real part" if not share else None)
    axes.set_title(name, fontsize=9)
    heights = [np.median(lines[:, abs(ppm - place) < 0.06].max(1)) for place in (3.21, 2.01)]
    ratios[name] = heights[0] / heights[1]
told = ", ".join(f"{name} {ratio:.1f}" for name, ratio in ratios.items())
figure.suptitle(f"Choline over NAA, median of the heights: {told}", fontsize=11)
figure

# %% [markdown]
# ## Exercise 6: tiles ({{points TiledCNN}})
#
# **Goal.** `TiledCNN(tiles, make_part)` cuts each spectrum into equal tiles, gives each tile to a network of its own
# (a *part*), and joins what the parts find.
#
# **Steps.**
# 1. `make_part()` makes one part. Call it once for each tile, first tile first.
# 2. In `forward`, `spectra` is `(N, points)`. A part takes `(N, 1, points / tiles)` and returns `(N, F)`.
# 3. Join to `(N, tiles · F)`: all that the first part found, then all of the second, and so on.
#
# **Example.** With `make_part = nn.Flatten`, `TiledCNN(2, nn.Flatten)` returns `[[1, 2, 3, 4]]` as it is: the first
# part saw `[1, 2]`.
#
# **Hint.** In a plain Python list the parts would be invisible to the optimizer.
#
# ### BEGIN EXPLANATION
# Neighbouring points form a peak, so a tile is a run of neighbours. Every sixth point would be six coarse copies of the
# spectrum. `nn.ModuleList` registers the parts; in a list they run, but never learn. One part for all tiles is possible,
# has fewer parameters, and looks for the same shapes everywhere; it is another network, though.
# ### END EXPLANATION

# %% nbgrader={"grade_id": "TiledCNN", "solution": true}
class TiledCNN(nn.Module):
    """A part of its own for each tile of a spectrum: (N, points) -> (N, tiles · F)."""

    ### BEGIN SOLUTION
    def __init__(self, tiles, make_part):
        super().__init__()
        self.parts = nn.ModuleList([make_part() for _ in range(tiles)])

    def forward(self, spectra):
        tiles = spectra.chunk(len(self.parts), 1)
        pairs = zip(self.parts, tiles, strict=True)
        return torch.cat([part(tile[:, None]) for part, tile in pairs], 1)
    ### END SOLUTION


# %% nbgrader={"grade_id": "TiledCNN_test", "points": 2}
from course_lib.exercise import without

class Part(nn.Module):  # finds the mean and the last point of its tile, times a weight
    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)))

    def forward(self, tile):
        assert tile.ndim == 3 and tile.shape[1] == 1, "a part takes (N, 1, points of a tile)"
        return self.weight * torch.stack([tile.mean((1, 2)), tile[:, 0, -1]], 1)

def numbered():  # makes parts with the weights 1, 2, 3 …
    weights = iter(range(1, 99))
    return lambda: Part(next(weights))


with without("course_lib.models.tiled.TiledCNN"):
    for tiles, spectra, expected in [
        (3, torch.arange(12.0).view(2, 6), [[0.5, 1, 5, 6, 13.5, 15], [6.5, 7, 17, 18, 31.5, 33]]),
        (4, torch.tensor([[1.0, 0, 2, 5]]), [[1, 1, 0, 0, 6, 6, 20, 20]]),
    ]:
        got = (network := TiledCNN(tiles, numbered()))(spectra.clone())
        shape = np.shape(expected)
        assert np.shape(got) == shape, f"expected the shape {shape}, got {np.shape(got)}"
        right = np.allclose(got.detach(), expected, atol=1e-4)
        assert right, f"{tiles} tiles: expected {expected}, got {got.tolist()}"
        _ = got.requires_grad and got.sum().backward()
        learn = [part.grad is not None for part in network.parameters()]
        assert learn == [True] * tiles, f"{len(learn)} of {tiles} parts found, {sum(learn)} learn"
    ### HIDDEN VALUE: [TiledCNN(tiles, numbered())(random_tensor(rng, 3, tiles * points) * 4 - 2) for tiles, points in ((12, 4), (3, 7), (1, 6))]
print("TiledCNN: right")

# %% [markdown]
# ## Predict
#
# Five judges learn from the same 300 patients, a quarter of them with a tumour: a **rule** (logistic regression: a weighted
# sum) of signal-to-noise ratio and line width; the same with **four numbers** (fat, water too); a
# **forest** (100 decision trees vote) on all points of the spectrum; your **tiled CNN**; a
# **plain CNN**.
#
# Then they learn again from *healthy people only*. A threshold rejects 5 % of good healthy
# spectra. What share of *good tumour* spectra does the tiled CNN reject? Your reason belongs in
# the question at the end.

# %% tags=["experiment"]
# a name; then, for both trainings, the share of good tumour spectra that the tiled CNN rejects
prediction_spectra = {"best judge": None, "tumours in training": None, "healthy training": None}

# %% [markdown]
# ## Experiment B: who judges best?
#
# All spectra share one scale: divided by its own maximum, a weak spectrum would look like a
# strong one with more noise. Training, validation and test have different patients. Experiment B
# takes about a minute and a half on 2 cores.

# %% tags=["experiment"]
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
Tiles = yours("TiledCNN", tiled.TiledCNN, name="TiledCNN")
EPOCHS = profile.pick(ci=1, cpu=8, gpu=12)


def seen(fids):
    """What networks and forest see: 336 points from 0.5 to 4.4 ppm, large values compressed."""
    return mrs.compressed(mrs.spectrum_at(fids))


def by_cnn(make, train, seed):
    """Trains a network to tell bad spectra; returns the judge, from FIDs to scores."""
    torch.manual_seed(seed)
    network, x = make(), torch.from_numpy(seen(train.fids))
    y = torch.from_numpy(train.bad).float()
    optimizer = torch.optim.Adam(network.parameters())
    steps = EPOCHS * math.ceil(len(x) / 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for batch in (b for _ in range(EPOCHS) for b in torch.randperm(len(x)).split(64)):
        loss = F.binary_cross_entropy_with_logits(network(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval().requires_grad_(False)
    return lambda fids: network(torch.from_numpy(seen(fids))).numpy()

# %% tags=["experiment"]
def by_numbers(names, train):
    """Logistic regression of the logarithms of a few numbers."""
    def numbers(fids):
        found = mrs.quality_numbers(fids)
        return np.log(np.maximum([found[name] for name in names], 1e-3)).T

    model = LogisticRegression(max_iter=1000).fit(numbers(train.fids), train.bad)
    return lambda fids: model.decision_function(numbers(fids))


def by_forest(train, seed):
    model = RandomForestClassifier(100, min_samples_leaf=3, random_state=seed)
    model.fit(seen(train.fids), train.bad)
    return lambda fids: model.predict_proba(seen(fids))[:, 1]


def tiled_cnn():
    return tiled.QualityCNN(Tiles(6, lambda: tiled.convolutions(8, 16)), 6 * 16 * 14)


RULE = ["signal to noise", "line width"]
JUDGES = {
    "rule": lambda train, seed: by_numbers(RULE, train),
    "four numbers": lambda train, seed: by_numbers([*RULE, "fat", "water"], train),
    "forest": by_forest,
    "tiled CNN": lambda train, seed: by_cnn(tiled_cnn, train, seed),
    "plain CNN": lambda train, seed: by_cnn(tiled.plain_cnn, train, seed),
}

# %% tags=["experiment"]
PATIENTS = profile.pick(ci=12, cpu=300, gpu=1000)
SEEDS = range(profile.pick(ci=1, cpu=3, gpu=5))
test = voxels(profile.pick(ci=40, cpu=250, gpu=1000), 1000)


def filters_from(names=JUDGES, **options):
    """{(name, seed): judge}, each trained on patients of its own seed."""
    pairs = [(name, seed) for name in names for seed in SEEDS]
    return {
        (name, seed): JUDGES[name](voxels(PATIENTS, seed, **options), seed)
        for name, seed in progress_bar(pairs, desc="training")
    }


def auc(scores, kind=None):
    """Good spectra of the test against the bad ones, of one kind or of all."""
    use = ~test.bad | (test.kinds == kind if kind else test.bad)
    return normative.area_under_curve(scores[use], test.bad[use])


judges = filters_from()
scores = {key: judge(test.fids) for key, judge in judges.items()}
print(f"| AUC, mean of {len(SEEDS)} seeds | " + " | ".join(JUDGES) + " |")
print("|---" * (len(JUDGES) + 1) + "|")
for kind in (*mrs.ARTEFACTS, None):
    rows = [[auc(scores[name, seed], kind) for seed in SEEDS] for name in JUDGES]
    spread = [f" ({min(row):.3f} to {max(row):.3f})" if kind is None else "" for row in rows]
    cells = [f"{np.mean(row):.3f}{told}" for row, told in zip(rows, spread, strict=True)]
    print(f"| {kind or 'all'} | " + " | ".join(cells) + " |")
print("you predicted:", prediction_spectra["best judge"])

# %% [markdown]
# Published (Gurbani et al., real spectra, against a panel of experts): .95 for the tiled CNN. To which artefacts is
# the rule blind? Do the tiles earn their keep? Now leave one artefact out of training.

# %% tags=["experiment"]
for kind in ("broad lines", "lipid", "spurious echo"):
    others = [name for name in mrs.ARTEFACTS if name != kind]
    blind = filters_from(["tiled CNN"], artefacts=others)
    never = [auc(judge(test.fids), kind) for judge in blind.values()]
    known = [auc(scores["tiled CNN", seed], kind) for seed in SEEDS]
    print(f"{kind}: AUC {np.mean(known):.3f} with it in training, {np.mean(never):.3f} without",
          f"({min(never):.3f} to {max(never):.3f})")

# %% [markdown]
# ## Whom does the filter throw out?
#
# From here on all spectra are **good**. Your threshold comes from healthy validation patients; then the others are
# judged, by filters that had tumours in training and by filters that saw healthy people only.

# %% tags=["experiment"]
GOOD = profile.pick(ci=16, cpu=400, gpu=1000)
good = voxels(GOOD, 1001, tumours=0.4, bad=0)
set_aside = np.arange(GOOD // 2)
others = ~np.isin(good.patients, set_aside)


def rejected(judge):
    """The threshold, and the shares of good healthy and of good tumour spectra above it."""
    found = judge(good.fids)
    limit = line_for(found, good.tumour, good.patients, set_aside, 0.05)
    return limit, *((found > limit)[others & (good.tumour == ill)].mean() for ill in (False, True))


bare = filters_from(tumours=0)
print("| rejected, good | healthy | tumour, tumours in training | tumour, healthy training |")
print("|---|---|---|---|")
for name in JUDGES:
    rows = [rejected(judges[name, seed])[1:] + rejected(bare[name, seed])[2:] for seed in SEEDS]
    columns = zip(*rows, strict=True)
    cells = [f"{np.mean(c):.0%} ({min(c):.0%} to {max(c):.0%})" for c in columns]
    print(f"| {name} | " + " | ".join(cells) + " |")
print("you predicted:", prediction_spectra)

# %% [markdown]
# How bad it gets depends on what we chose: with tumours half as unlike healthy tissue, healthy training rejected 17 and 36 % of
# them (tiled CNN, two seeds). How many tumours in training are enough?

# %% tags=["experiment"]
SHARES = [0, 0.02, 0.1, 0.25]
ready = {0: bare, 0.25: judges}
curve = []
for share in SHARES:
    filters = ready.get(share) or filters_from(["tiled CNN"], tumours=share)
    curve.append([rejected(filters["tiled CNN", seed])[2] for seed in SEEDS])
none, few = np.mean(curve, 1)[:2]
title = f"Good tumour spectra rejected: {none:.0%}, and {few:.0%} with 2% tumours in training"
figure = viz.figure(6.5, 3.2, title=title)
axes = figure.subplots()
for seed in SEEDS:
    axes.plot(SHARES, np.array(curve)[:, seed], "o-", label=f"tiled CNN, seed {seed}")
axes.axhline(0.05, color="0.4", linestyle="--", label="5%, as for the healthy")
axes.set(xlabel="share of training patients with a tumour", ylabel="share rejected")
axes.legend(fontsize=8)
figure

# %% [markdown]
# ## Play: would the filter keep it?
#
# An average healthy voxel and an average tumour, judged by the filter that saw healthy people
# only. Which artefacts does it notice late? And what does it say of a tumour at severity 0?

# %% tags=["experiment"]
average = [[np.mean(kind[name]) for name in mrs.COMPONENTS] for kind in (mrs.HEALTHY, mrs.TUMOUR)]
narrow = bare["tiled CNN", 0]
tissues = dict(zip(("healthy", "tumour"), mrs.signals(average), strict=True))
viz.spectrum_slider(
    tissues, narrow, rejected(narrow)[0], title="The filter that saw healthy people only"
)

# %% [markdown]
# ## Questions to test yourself

# %% tags=["experiment"]
from course_lib.student import instant_questions

instant_questions("lab13")

# %% [markdown]
# ## Written question: who is harmed? ({{points rejected}})
#
# A hospital switches the filter on that saw healthy people only. It rejects most good spectra of tumours. Who is harmed, what
# in the training made it so, and what would you report before such a filter is used? Start with your prediction, its
# reason, and what you measured. Five to eight sentences.

# %% [markdown] nbgrader={"grade_id": "rejected", "solution": true, "points": 3}
# I predicted that tumours would be rejected about twice as often as healthy tissue, because their peaks have other
# heights. I measured far more (profile cpu, 3 seeds): the tiled CNN that saw healthy people only rejects 5 % of the
# good healthy spectra and 83 % (75 to 93 %) of the good tumour spectra, and the plain CNN and the forest reject even
# more. Those harmed are patients with a tumour: the spectra that show it are thrown away before anybody sees them. In
# training, every good spectrum had high NAA and low choline, so whatever looks different counts as bad. The AUC of
# .97 does not show it, because it asks about artefacts. I would report the share of good spectra that is rejected for
# each group (healthy, tumours of several kinds, children, other scanners), and show rejected spectra instead of
# deleting them. I would also put tumours into the training: with 2 % of the patients the share fell to 18 %, with a
# quarter to 14 %, still three times that of the healthy. The rule of signal and line width treats both groups nearly
# alike (7 and 9 %), but it is blind to half of the artefacts.
#
# ### BEGIN MARK SCHEME
# - 1: compares a prediction, with its reason, to what was measured (the share rejected, or the best judge)
# - 1: the cause: training knew good spectra of healthy people only, so what is unlike them counts as bad; and who is
#   harmed: patients with a tumour, whose spectra vanish before anybody sees them
# - 1: what to report: rejected *good* spectra for each group of patients, not the overall AUC alone; or another remedy
#   that can be checked (tumours in training, rejected spectra shown and not deleted)
# ### END MARK SCHEME
#
# ### BEGIN EXPLANATION
# A classifier learns what tells the bad from the good *of its training set*. There all good spectra had high NAA and low
# choline, so the network may use that. Its AUC on healthy people is fine, and nothing in the loss complains. Only a
# score for each group shows it. A rule of signal and line width cannot do this harm, but it is blind to half of the
# artefacts.
# ### END EXPLANATION

# %% [markdown]
# ## What to remember
#
# - What a short code cannot draw stays in the residual: the lesion, and every fold.
# - Set a map beside brightness alone and a z-map that knows as much. Read the average precision.
# - The threshold comes from healthy people set aside. A mass that is no brighter stays invisible.
# - A filter learned from one group of people treats the others as faults. Report what it rejects, group by group.
# - Try the simple rivals: a forest on all points judged as well as the networks, and a rule treated tumours like other tissue.
