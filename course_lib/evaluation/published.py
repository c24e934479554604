"""What a source published, as `published=` of `compare` takes it: numbers to stand beside ours, never among them."""

from __future__ import annotations

Scores = dict[str, dict[str, float]]

# Akshaya Thomas, Dawa Namgyal, Devi Krishna K R, Dhanya Babu: Deep convolutional transfer learning based model with
# U-Net architecture and attention mechanism for denoising medical MR images. Tables 1 and 2. The slides name neither
# the images nor the region nor the window of SSIM. Gaussian: "noise factor=0.1, mean=0 and standard deviation =1";
# Rician: sigma 0.11 in the table, "13% noise" in the conclusion.
_GAUSSIAN = {
    "Gaussian": (24.6228, 0.5681),
    "bilateral": (21.9754, 0.6805),
    "TV": (22.3618, 0.6824),
    "wavelet": (24.9854, 0.7574),
    "shift-invariant wavelet": (26.1192, 0.7982),
    "NLM": (26.3957, 0.8214),
    "BM3D": (29.1254, 0.8343),
    "CDAE": (33.7564, 0.9235),
    "UNet-DCTD-A": (38.4684, 0.9613),
}
_RICIAN = {
    "Gaussian": (16.8386, 0.3562),
    "bilateral": (17.7383, 0.4709),
    "TV": (17.0059, 0.4895),
    "wavelet": (16.8780, 0.4105),
    "shift-invariant wavelet": (16.9021, 0.44084),
    "NLM": (16.9431, 0.4824),
    "BM3D": (16.9234, 0.4835),
    "CDAE": (21.8254, 0.8012),
    "UNet-DCTD-A": (36.7546, 0.9415),
}

#: {noise: {method: {"PSNR": dB, "SSIM": number}}}; `compare(..., published=ATTENTION_DECK["rician"])`.
ATTENTION_DECK: dict[str, Scores] = {
    kind: {name: {"PSNR": round(psnr, 2), "SSIM": round(ssim, 4)} for name, (psnr, ssim) in rows.items()}
    for kind, rows in {"gaussian": _GAUSSIAN, "rician": _RICIAN}.items()
}
