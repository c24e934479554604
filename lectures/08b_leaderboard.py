# %% [markdown]
# # The leaderboard
#
# {{badges}}
#
# A notebook for the last day of the course: whose network denoises a head that it has never seen, under noise that nobody knew? It goes with lab 14.
#
# - Put the saved models (`models.save` of lab 14, one `.safetensors` a student) into the folder `models` beside this notebook.
# - Run it. The seed of the noise is drawn now, is the same for all, and is told afterwards.
# - Each model is scored on Colin27 under both noises of the attention U-Net deck: Gaussian, sigma 0.1, and Rician, sigma 0.11; whole image and brain. It is not told which noise it sees.
# - The rank is by PSNR inside the brain, the mean over both noises. BM3D at its best stands beside, and is not ranked.
#
# The same on the command line, for a folder of a hundred: `course evaluate models --out evaluation`.
#
# **Safe.** A file holds numbers and a card. `models.load` builds the network from the course's own classes, and runs nothing that a file brings. A pickle (`.pt`, `.pth`) is refused, and listed with the reason.

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
    print("No models here yet: two tiny ones are trained, so that you see how it works.")
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
# What do the cards say? It is their makers' word; nobody has checked it.

# %%
for path in sorted(folder.rglob("*.safetensors")):
    try:
        print(f"{path.name}\n{models.read_card(path)}\n")
    except ValueError as error:
        print(f"{path.name}: refused. {error}\n")

# %% [markdown]
# Now the evaluation. (BM3D in four forms takes about a second a slice on 2 CPU cores; each network a fraction of it.)

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
# - One head, 24 slices: a difference of a tenth of a decibel between two models says little. Evaluate with several seeds (`repeats=5`), and, where IXI is at hand, on people (`images="ixi"`).
# - Whoever hands in many models takes the best of many draws. Allow each student one.
# - Whoever trained on Colin27 wins, and nothing here can see it: his head comes with the course. For a real contest keep a head that nobody has.
