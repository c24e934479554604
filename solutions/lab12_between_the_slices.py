# %% [markdown]
# # Lab 12: Between the slices
#
# {{badges}}
#
# **The question of this lab: the scanner gave thick slices. May a network draw what lies between them,
# and how do I know that the heart it draws is a heart?**
#
# {{head}}
#
# {{exercises}}
#
# ### BEGIN CARD
# level = "core"
# memory = "2 GB"
# compute_minutes = 5
# labs = ["05", "06", "09"]
# lectures = ["11"]
# mathematics = "the mean; linear interpolation; the distance of two points; the norm of a vector"
# objectives = [
#     "make thick slices as a scanner does, and put slices back between them at the right places",
#     "make any guess fit what was measured",
#     "see when a network beats the best interpolation, and when it does not",
#     "score a segmentation by overlap and by distance, and see that the two disagree",
#     "teach a network what a heart looks like, and see what this prior does to a heart that it never saw",
# ]
# minutes = {theory = 15, thick_slices = 10, between_slices = 20, keep_measured = 10, play = 5, between_question = 10, generalised_dice_loss = 20, surface_scores = 20, shape_loss = 15, experiments = 30, aneurysm = 15}
# ### END CARD

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %% [markdown]
# ## Theory in half a page
#
# (lab12)

# %%
import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage

from course_lib import losses, metrics, resolution, viz

# %% [markdown]
# # Part A: between the slices
#
# ## Exercise 1: thick slices ({{points thick_slices}})

# %% [markdown]
# ## Exercise 2: between the slices ({{points between_slices}})

# %% [markdown]
# ## Exercise 3: keep what was measured ({{points keep_measured}})

# %% [markdown]
# ## How thick is too thick?

# %% [markdown]
# ## Predict

# %% [markdown]
# ## Experiment A: may a network draw what lies between?

# %% [markdown]
# ## Written question: between ({{points between_question}})

# %% [markdown]
# # Part B: is the heart a heart?
#
# ## Exercise 4: every class counts ({{points generalised_dice_loss}})

# %% [markdown]
# ## Same Dice, different distance

# %% [markdown]
# ## Exercise 5: how far apart ({{points surface_scores}})

# %% [markdown]
# <!-- ACNN BEGINS: from here to "ACNN ENDS" all cells are the shape prior's: a few lines of theory, exercise 6 shape_loss,
# Predict, Experiment B, the walk along the code, the written question aneurysm -->
#
# ## Exercise 6: a shape in few numbers ({{points shape_loss}})

# %% [markdown]
# <!-- ACNN ENDS -->
#
# ## Questions to test yourself

# %% [markdown]
# ## What to remember
