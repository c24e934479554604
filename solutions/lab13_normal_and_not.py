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
# compute_minutes = 5
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

# %%
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from course_lib import losses, normative, viz

# %% [markdown]
# (helper `vae` writes exercises 1 to 4, widget, experiment A and the GAN here: nobody else edits above the next line)

# %% [markdown]
# ## Part two: spectra
#
# (helper `mrs` writes from here: theory of spectra, exercise 5 `spectrum`, exercise 6 `TiledCNN`, widget, prediction,
# experiment B, up to the line "end of mrs's part"; its own imports in its own first cell)

# %% [markdown]
# (end of mrs's part)
#
# ## Questions to test yourself

# %% tags=["experiment"]
from course_lib.student import instant_questions

instant_questions("lab13")

# %% [markdown]
# ## Written question: who is harmed? ({{points rejected}})
#
# (mrs)

# %% [markdown] nbgrader={"grade_id": "rejected", "solution": true, "points": 3}
# (mrs)
#
# ### BEGIN MARK SCHEME
# - 3: (mrs)
# ### END MARK SCHEME

# %% [markdown]
# ## What to remember
#
# (vae: three lines on brains)
#
# (mrs: two lines on spectra)
