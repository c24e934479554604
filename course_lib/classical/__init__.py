"""Classical methods: what a network has to beat. They need a noise level or a strength, and no training.

Denoising: `filters` holds the seven that take a few lines or a library call, `bm3d` the best of them all, `rician`
what makes any of them fit for magnitude images. All have one form, `f(image, sigma)`.
Reconstruction from undersampled k-space: `sparse` (wavelets and total variation), `dictionary` (learned patches),
`sense` (several coils). All have the form `f(measured, mask)`; with several coils they are given `sensitivities` too.
Importing this imports none of them.
"""
