# Named wrong answers of lab 01: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests try, beside the example:
# masking: small and all fractions, shared draws, exact shares, one pixel, channels, float64, below 0, in place, copies
# gaussian: tiny and large sigma, shared draws, tails, one or two pixels, beyond [0, 1], flat images, sigma 0, in place
# DenseDAE: beyond [0, 1], one image, gradient numbers of every layer and of the input, both modes
# train_step: old gradients, momentum, several images, beyond [0, 1], batch statistics, mode inside and after, in place
# denoise: beyond [0, 1], one image, both modes inside and after, gradients on and off after, batch statistics, in place

# %% [masking] calls_the_library
# Calls the function that the exercise builds.
def masking(image, fraction, generator):
    return noise.masking(image, fraction, generator=generator)


# %% [masking] keeps_the_fraction
# Takes `fraction` for the share of pixels that stay.
edit("< fraction", ">= fraction")


# %% [masking] scales_like_dropout
# Confuses the corruption with nn.Dropout, which divides the remaining values by the share that stays.
edit("image.masked_fill(dropped, 0.0)", "image.masked_fill(dropped, 0.0) / max(1 - fraction, 1e-6)")


# %% [masking] one_mask_for_all
# Draws one mask and uses it for every image of the batch.
edit("image.shape", "image.shape[-2:]")


# %% [masking] one_mask_for_a_batch_and_its_mirror
# Draws half of a mask and mirrors it, to save numbers.
edit(
    "    return",
    "    half = dropped.shape[-1] // 2\n    dropped[..., :half] = dropped.flip(-1)[..., :half]\n    return",
)


# %% [masking] ignores_the_generator
# Draws from the global generator, so that no result can be repeated.
edit(", generator=generator)", ")")


# %% [masking] works_in_place
# Corrupts the clean image itself: after one epoch there is no clean image left.
edit("masked_fill(", "masked_fill_(")


# %% [masking] nothing_to_do
# Returns the image itself where no pixel is dropped: a later change of the copy then changes the image.
edit("    dropped =", "    if fraction == 0:\n        return image\n    dropped =")


# %% [masking] starts_its_own_generator
# Seeds a new generator in each call: every epoch gets the same noise.
edit("generator=generator)", "generator=torch.Generator().manual_seed(generator.initial_seed()))")


# %% [masking] drops_whole_columns
# Draws one number for each column of an image.
edit("image.shape", "image.shape[:-2] + (1, image.shape[-1])")


# %% [masking] exact_number_in_each_image
# Drops the same number of pixels in each image: then one pixel says something about the next.
def masking(image, fraction, generator):
    pixels = image.flatten(1)
    order = torch.rand(pixels.shape, generator=generator).argsort(1).argsort(1)
    return pixels.masked_fill(order < int(fraction * pixels.shape[1]), 0.0).view_as(image)


# %% [masking] whole_percents
# Draws whole percents: 0.005 becomes 0.01.
edit("torch.rand(image.shape,", "torch.randint(0, 100, image.shape,")
edit("< fraction", "< 100 * fraction")


# %% [masking] tenths
# Draws tenths: 0.05 becomes 0.1.
edit("torch.rand(image.shape,", "torch.randint(0, 10, image.shape,")
edit("< fraction", "< 10 * fraction")


# %% [masking] single_precision
# Converts to float32 on the way: the other pixels lose digits.
edit("image.masked_fill", "image.float().masked_fill")


# %% [gaussian] calls_the_library
# Calls the function that the exercise builds.
def gaussian(image, sigma, generator):
    return noise.gaussian(image, sigma, generator=generator)


# %% [gaussian] sigma_as_variance
# Takes sigma for the variance.
edit("sigma * torch", "sigma**0.5 * torch")


# %% [gaussian] uniform_noise
# Uses torch.rand, centred and scaled to the right standard deviation, but not normal.
edit(
    "torch.randn(image.shape, generator=generator)",
    "12**0.5 * (torch.rand(image.shape, generator=generator) - 0.5)",
)


# %% [gaussian] sum_of_uniforms
# Adds three uniform numbers and calls the sum normal: it never goes beyond 3 sigma.
edit(
    "torch.randn(image.shape, generator=generator)",
    "2 * (torch.rand(3, *image.shape, generator=generator) - 0.5).sum(0)",
)


# %% [gaussian] no_outliers
# Cuts the noise off at 2.5 sigma, as if larger numbers were mistakes.
edit("generator=generator)", "generator=generator).clamp(-2.5, 2.5)")


# %% [gaussian] clips
# Clips to [0, 1] since "images lie in [0, 1]": dark regions become brighter on average.
edit("generator=generator)", "generator=generator)\n    return noisy.clamp(0, 1)")
edit("return image +", "noisy = image +")


# %% [gaussian] one_number_for_each_image
# Adds the same random number to all pixels of an image: a change of brightness, not noise.
edit("image.shape", "(image.shape[0], 1, 1, 1)")


# %% [gaussian] one_noise_for_all
# Draws the noise of one image and adds it to the whole batch.
edit("image.shape", "image.shape[1:]")


# %% [gaussian] multiplies
# Confuses additive noise with speckle.
edit("image + sigma", "image + image * sigma")


# %% [gaussian] relative_to_the_range
# Takes sigma as a part of the image's range: a grey image gets no noise at all.
edit("image + sigma", "image + (image.max() - image.min()) * sigma")


# %% [gaussian] normalised_noise
# Forces mean 0 and deviation sigma on each draw: then the noise of one pixel says something about the next.
def gaussian(image, sigma, generator):
    drawn = torch.randn(image.shape, generator=generator)
    return image + sigma * (drawn - drawn.mean()) / drawn.std()


# %% [gaussian] fixed_sigma
# Writes the number of the example into the function.
edit("image + sigma", "image + 0.1")


# %% [gaussian] ignores_the_generator
# Draws from the global generator, so that no result can be repeated.
edit(", generator=generator)", ")")


# %% [gaussian] works_in_place
# Adds the noise to the clean image itself.
edit("return image + sigma", "image += sigma")
edit("generator=generator)", "generator=generator)\n    return image")


# %% [DenseDAE] calls_the_library
# Makes the library's class its own.
from course_lib.models import dae


class DenseDAE(dae.DenseDAE):
    pass


# %% [DenseDAE] no_sigmoid
# Leaves the output linear.
edit(", nn.Sigmoid()", "")


# %% [DenseDAE] no_relu
# Stacks linear layers with nothing between: that is one linear layer.
edit(
    "nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU()",
    "nn.Linear(784, 256), nn.Linear(256, 64)",
)
edit("nn.Linear(64, 256), nn.ReLU()", "nn.Linear(64, 256)")


# %% [DenseDAE] linear_code
# Forgets the ReLU after the code.
edit("nn.Linear(256, 64), nn.ReLU()", "nn.Linear(256, 64)")


# %% [DenseDAE] output_stays_flat
# Forgets to give the output the shape of an image.
edit(".view_as(noisy)", "")


# %% [DenseDAE] no_bottleneck
# Makes the code as large as the image, so that the network may copy.
edit("nn.Linear(256, 64)", "nn.Linear(256, 784)")
edit("nn.Linear(64, 256)", "nn.Linear(784, 256)")


# %% [DenseDAE] clips_the_input
# Brings the noisy image to [0, 1] first: that throws away noise which the network could use.
edit("noisy.flatten(1)", "noisy.clamp(0, 1).flatten(1)")


# %% [DenseDAE] encoder_never_learns
# Thinks that the encoder needs no gradients, since it only looks.
edit("        code =", "        with torch.no_grad():\n            code =")


# %% [DenseDAE] detached_code
# Cuts the graph at the code: half of the network never learns.
edit("self.decoder(code)", "self.decoder(code.detach())")


# %% [DenseDAE] drops_out_the_code
# Adds dropout, which has no parameters but makes the training another one.
edit("self.decoder(code)", "self.decoder(nn.functional.dropout(code, 0.2, self.training))")


# %% [DenseDAE] fixed_batch_size
# Writes the batch size of the example into forward.
edit(".view_as(noisy)", ".view(3, 1, 28, 28)")


# %% [train_step] calls_the_library
# Calls the function that the exercise builds.
def train_step(model, optimizer, clean, noisy):
    history = training.fit(
        model, clean, loss=nn.functional.mse_loss, epochs=1, optimizer=lambda parameters: optimizer, progress=False
    )
    return history.train_loss[-1]


# %% [train_step] calls_the_librarys_step
# Calls the library's single step.
def train_step(model, optimizer, clean, noisy):
    return training.train_step(model, optimizer, clean, noisy)


# %% [train_step] forgets_zero_grad
# Lets the gradients of all steps pile up.
edit("    optimizer.zero_grad()\n", "")


# %% [train_step] zero_grad_at_the_end
# Forgets the gradients after the step: those from before the first step are added to it.
edit("    optimizer.zero_grad()\n", "")
edit("    return", "    optimizer.zero_grad()\n    return")


# %% [train_step] learns_the_noise
# Compares the output with the noisy image: the network learns to copy.
edit("model(noisy), clean)", "model(noisy), noisy)")


# %% [train_step] sees_the_clean_image
# Sends the clean image through the network: there is nothing to denoise.
edit("mse_loss(model(noisy),", "mse_loss(model(clean),")


# %% [train_step] step_before_backward
# Changes the weights before the gradients are known.
edit("    loss.backward()\n    optimizer.step()\n", "    optimizer.step()\n    loss.backward()\n")


# %% [train_step] stays_in_evaluation_mode
# Forgets model.train(), so that dropout and batch normalisation do not learn.
edit("    model.train()\n", "")


# %% [train_step] ends_in_evaluation_mode
# Switches to evaluation mode after the step, though the training goes on.
edit("    return", "    model.eval()\n    return")


# %% [train_step] returns_the_graph
# Returns the tensor: every stored loss keeps its whole graph in memory.
edit("loss.item()", "loss")


# %% [train_step] sums_over_pixels
# Takes the squared norm of the formula for the loss, and divides by the number of images only.
edit("nn.functional.mse_loss(model(noisy), clean)", "((model(noisy) - clean) ** 2).sum() / len(clean)")


# %% [train_step] own_update
# Changes the weights by hand, with a learning rate of its own: the optimizer has no say.
edit("    optimizer.step()\n", """
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad

""")


# %% [train_step] clips_the_gradient
# Cuts large gradients, as many recipes do: it is no part of this step.
edit("    optimizer.step()", "    nn.utils.clip_grad_norm_(model.parameters(), 1.0)\n    optimizer.step()")


# %% [train_step] clips_the_images
# Brings both images to [0, 1] before they are compared.
edit("model(noisy), clean)", "model(noisy.clamp(0, 1)), clean.clamp(0, 1))")


# %% [train_step] loss_after_the_step
# Sends the batch through the model once more, to report the loss after the step.
edit("loss.item()", "nn.functional.mse_loss(model(noisy), clean).item()")


# %% [denoise] calls_the_library
# Calls the function that the exercise builds.
def denoise(model, noisy):
    return training.denoise(model, noisy)


# %% [denoise] forgets_eval
# Thinks that no_grad() also switches dropout off.
edit("    model.eval()\n", "")


# %% [denoise] forgets_no_grad
# Thinks that eval() also switches gradients off.
edit("with torch.no_grad():", "if True:")


# %% [denoise] leaves_evaluation_mode_on
# Does not restore the mode: the next epoch trains in evaluation mode.
edit("    model.train(mode)\n", "")


# %% [denoise] always_switches_to_training
# Calls model.train() at the end, whatever the mode was before.
edit("model.train(mode)", "model.train()")


# %% [denoise] leaves_gradients_off
# Switches gradients off for the whole session: the next training learns nothing.
edit("    with torch.no_grad():\n        output", "    torch.set_grad_enabled(False)\n    output")


# %% [denoise] always_switches_gradients_on
# Switches gradients on at the end, whatever they were before.
edit("    with torch.no_grad():\n        output", "    torch.set_grad_enabled(False)\n    output")
edit("    return", "    torch.set_grad_enabled(True)\n    return")


# %% [denoise] detaches_afterwards
# Computes the whole graph and throws it away: detach() saves neither memory nor time.
edit("    with torch.no_grad():\n        output = model(noisy)", "    output = model(noisy).detach()")


# %% [denoise] clips_the_input
# Brings the noisy image to [0, 1] first: the model was trained on noise that goes beyond.
edit("output = model(noisy)", "output = model(noisy.clamp(0, 1))")


# %% [denoise] clips_the_output
# Brings the answer to [0, 1]: that is a matter of the score, not of the model.
edit("return output", "return output.clamp(0, 1)")
