"""`fit`: the training loop that lab 01 writes by hand, carried to GPUs, mixed precision and several processes.

Also `train_step`, one step of it as the lab has it; `noising`, its `corrupt` at one noise level or blind; a trained
model applied: `denoise`, `reconstruct`; for k-space `undersampling`, `squared_error` and `on_magnitude` (lab 09);
`THESIS_RECIPE`, how the healthy-brain thesis trained, by MSE or DSSIM, with L2 or without:
`fit(model, train, validation, **THESIS_RECIPE["MSE + L2"])` (lab 06); `ATTENTION_RECIPE`, how the attention U-Net is
trained here, and its `attention_loss` (lab 14); and, from `profiles`, what this machine can do and how seeds are mixed.
Accelerate and tqdm are imported when a training starts, not before.
"""

from __future__ import annotations

from course_lib.kspace import undersampling
from course_lib.losses import attention_loss
from course_lib.metrics import on_magnitude, squared_error
from course_lib.noise import noising
from course_lib.profiles import Profile, fixed_seed, profile, seeded
from course_lib.training.history import History
from course_lib.training.inference import denoise, reconstruct
from course_lib.training.loop import fit
from course_lib.training.recipes import ATTENTION_ON_GPU, ATTENTION_RECIPE, THESIS_RECIPE
from course_lib.training.step import train_step

__all__ = [
    "ATTENTION_ON_GPU",
    "ATTENTION_RECIPE",
    "THESIS_RECIPE",
    "History",
    "Profile",
    "attention_loss",
    "denoise",
    "fit",
    "fixed_seed",
    "noising",
    "on_magnitude",
    "profile",
    "reconstruct",
    "seeded",
    "squared_error",
    "train_step",
    "undersampling",
]
