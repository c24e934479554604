"""Classical denoisers: what a network has to beat. They need a noise level, and no training.

`filters` holds the seven that take a few lines or a library call, `bm3d` the best of them all, `rician` what
makes any of them fit for magnitude images. All have one form, `f(image, sigma)`. Importing this imports none
of them.
"""
