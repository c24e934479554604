# Named wrong answers of lab 13: each is a real misconception and costs the points of its exercise and of no other. See CONTRIBUTING.md.
#
# What is tested of each exercise:
# (vae) negative_elbo, anomaly_map, average_precision, threshold_for
# (mrs) spectrum, TiledCNN
