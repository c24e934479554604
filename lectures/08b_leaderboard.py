# %% [markdown]
# # The leaderboard
#
# {{badges}}
#
# A notebook for the last day of the course: whose network best denoises a head that it has never seen, under noise that nobody knew? It goes with lab 14,
# [The attention U-Net](../labs/lab14_attention_unet/lab14_attention_unet.ipynb); how to read its table is [lecture 08](08_reading_results.ipynb).
#
# - Put the saved models (`models.save` of lab 14, one `.safetensors` for each student) into the folder `models` beside this notebook.
# - Run it. The seed of the noise is drawn now. It is the same for every model, and is printed afterwards.
# - Each model is scored on Colin27 under the two noises of the attention U-Net deck (lecture 08): Gaussian, sigma 0.1, and Rician, sigma 0.11; whole image and brain. It is not told which noise it sees, but for a `NoiseMapUNet`, which asks: it is told sigma and the kind of noise, as BM3D is.
# - Models are ranked by PSNR inside the brain, the mean over both noises. BM3D at its best is shown for comparison and is not ranked. Under Rician noise it appears with three corrections of the bias (lecture 02): `bias-corrected`
#   (minus 2·sigma²), `first-moment inverse` (the mean inverted, right in the brain) and `stabilised`.
#
# For a folder of a hundred models, the same on the command line: `course evaluate models --out evaluation`.
#
# **Safe.** A file holds numbers and a card. `models.load` builds the network from the course's own classes, and runs nothing from the file. A pickle (`.pt`, `.pth`) is refused, and listed with the reason.

# %% tags=["setup"]
# `course build` writes the set-up cell here

# %%
import tempfile
from pathlib import Path

from course_lib import leaderboard, models, training
from course_lib.data import brains
from course_lib.data.mixture import Mixture
from course_lib.models.attention_unet import AttentionUNet

folder = Path("models")
if not (folder.is_dir() and any(folder.rglob("*.safetensors"))):
    print("No models here yet. Two tiny ones are trained now, to show how it works.")
    folder = Path(tempfile.mkdtemp())
    cohort = brains.brain_slices("cohort", subjects=2, slices=profile.pick(ci=8, cpu=30, gpu=30))  # synthetic heads
    steps = profile.pick(ci=2, cpu=60, gpu=200)
    for kind, sigma in (("gaussian", 0.1), ("rician", 0.11)):
        with training.fixed_seed(0):
            network = AttentionUNet(encoder="small", width=16)
        recipe = training.ATTENTION_RECIPE["MSE"] | {"epochs": 1, "schedule": None}
        training.fit(network, Mixture({"heads": cohort.images}, count=8 * steps, size=48), corrupt=training.noising(kind, sigma), progress=False, **recipe)
        models.save(
            network, folder / f"tiny_{kind}.safetensors", arguments={"encoder": "small", "width": 16}, data=f"{len(cohort)} slices of 2 synthetic heads, {steps} steps",
            noise=f"{kind}, sigma {sigma}", stop=f"fixed: {steps} steps", seed=0, half=True,
        )  # fmt: skip

# %% [markdown]
# What do the cards say? They are the authors' word; nobody has checked it.

# %%
for path in sorted(folder.rglob("*.safetensors")):
    try:
        print(f"{path.name}\n{models.read_card(path)}\n")
    except ValueError as error:
        print(f"{path.name}: refused. {error}\n")

# %% [markdown]
# Now the evaluation. (BM3D in four forms takes about a second for each slice on 2 CPU cores; a network takes a fraction of that.)

# %%
board = leaderboard.evaluate(folder, slices=profile.pick(ci=1, cpu=12, gpu=24))
print(f"The hidden seed was {board.seed}. With it, anybody can repeat this table: leaderboard.evaluate(..., seed={board.seed})")
board

# %%
board.panel("gaussian")

# %%
board.panel("rician")

# %% [markdown]
# The table and both pictures as files, for the web page of the course:

# %%
out = Path(tempfile.mkdtemp() if profile.name == "ci" else "evaluation")
board.write(out)
print("written to", out.name + ":", ", ".join(sorted(path.name for path in out.iterdir())))

# %% [markdown]
# ## Read it as lecture 08 says
#
# - One head, 24 slices: a difference of a tenth of a decibel between two models says little. Evaluate with several seeds (`repeats=5`), and, where IXI is available, on many people (`images="ixi"`).
# - A student who hands in many models gets the best of many draws. Allow one each.
# - A model that was trained on Colin27 wins, and nothing here can see it: Colin27 comes with the course. For a real contest keep a head that nobody has.
