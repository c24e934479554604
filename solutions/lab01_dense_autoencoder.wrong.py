# Named wrong answers of lab 01: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [masking] calls_the_library
# Calls the function that the exercise builds.
def masking(image, fraction, generator):
    return noise.masking(image, fraction, generator=generator)


# %% [masking] keeps_the_fraction
# Takes `fraction` for the share of pixels that stay.
def masking(image, fraction, generator):
    return image * (torch.rand(image.shape, generator=generator) < fraction)


# %% [masking] scales_like_dropout
# Confuses the corruption with nn.Dropout, which divides the remaining values by the share that stays.
def masking(image, fraction, generator):
    kept = torch.rand(image.shape, generator=generator) >= fraction
    return image * kept / max(1 - fraction, 1e-6)


# %% [masking] one_mask_for_all
# Draws one mask and uses it for every image of the batch.
def masking(image, fraction, generator):
    return image.masked_fill(torch.rand(image.shape[-2:], generator=generator) < fraction, 0.0)


# %% [masking] ignores_the_generator
# Draws from the global generator, so that no result can be repeated.
def masking(image, fraction, generator):
    return image.masked_fill(torch.rand(image.shape) < fraction, 0.0)


# %% [masking] works_in_place
# Corrupts the clean image itself: after one epoch there is no clean image left.
def masking(image, fraction, generator):
    image[torch.rand(image.shape, generator=generator) < fraction] = 0
    return image


# %% [masking] starts_its_own_generator
# Seeds a new generator in each call: every epoch gets the same noise.
def masking(image, fraction, generator):
    own = torch.Generator().manual_seed(generator.initial_seed())
    return image.masked_fill(torch.rand(image.shape, generator=own) < fraction, 0.0)


# %% [masking] drops_whole_columns
# Draws one number for each column of an image.
def masking(image, fraction, generator):
    return image.masked_fill(torch.rand(image.shape[:-2] + (1, image.shape[-1]), generator=generator) < fraction, 0.0)


# %% [gaussian] calls_the_library
# Calls the function that the exercise builds.
def gaussian(image, sigma, generator):
    return noise.gaussian(image, sigma, generator=generator)


# %% [gaussian] sigma_as_variance
# Takes sigma for the variance.
def gaussian(image, sigma, generator):
    return image + sigma**0.5 * torch.randn(image.shape, generator=generator)


# %% [gaussian] uniform_noise
# Uses torch.rand, centred and scaled to the right standard deviation, but not normal.
def gaussian(image, sigma, generator):
    return image + sigma * 12**0.5 * (torch.rand(image.shape, generator=generator) - 0.5)


# %% [gaussian] clips
# Clips to [0, 1] since "images lie in [0, 1]": dark regions become brighter on average.
def gaussian(image, sigma, generator):
    return (image + sigma * torch.randn(image.shape, generator=generator)).clamp(0, 1)


# %% [gaussian] one_number_for_each_image
# Adds the same random number to all pixels of an image: a change of brightness, not noise.
def gaussian(image, sigma, generator):
    return image + sigma * torch.randn(image.shape[0], 1, 1, 1, generator=generator)


# %% [gaussian] multiplies
# Confuses additive noise with speckle.
def gaussian(image, sigma, generator):
    return image * (1 + sigma * torch.randn(image.shape, generator=generator))


# %% [gaussian] fixed_sigma
# Writes the number of the example into the function.
def gaussian(image, sigma, generator):
    return image + 0.25 * torch.randn(image.shape, generator=generator)


# %% [DenseDAE] calls_the_library
# Makes the library's class its own.
from course_lib.models import dae


class DenseDAE(dae.DenseDAE):
    pass


# %% [DenseDAE] no_sigmoid
# Leaves the output linear.
class DenseDAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784)
        )

    def forward(self, noisy):
        return self.layers(noisy.flatten(1)).view_as(noisy)


# %% [DenseDAE] no_relu
# Stacks linear layers with nothing between: that is one linear layer.
class DenseDAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(784, 256), nn.Linear(256, 64), nn.Linear(64, 256), nn.Linear(256, 784), nn.Sigmoid()
        )

    def forward(self, noisy):
        return self.layers(noisy.flatten(1)).view_as(noisy)


# %% [DenseDAE] linear_code
# Forgets the ReLU after the code.
class DenseDAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64))
        self.decoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())

    def forward(self, noisy):
        return self.decoder(self.encoder(noisy.flatten(1))).view_as(noisy)


# %% [DenseDAE] output_stays_flat
# Forgets to give the output the shape of an image.
class DenseDAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU())
        self.decoder = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())

    def forward(self, noisy):
        return self.decoder(self.encoder(noisy.flatten(1)))


# %% [DenseDAE] no_bottleneck
# Makes the code as large as the image, so that the network may copy.
class DenseDAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(784, 784), nn.ReLU(), nn.Linear(784, 784), nn.ReLU(), nn.Linear(784, 784), nn.ReLU(),
            nn.Linear(784, 784), nn.Sigmoid(),
        )

    def forward(self, noisy):
        return self.layers(noisy.flatten(1)).view_as(noisy)


# %% [train_step] calls_the_library
# Calls the function that the exercise builds.
def train_step(model, optimizer, clean, noisy):
    history = training.fit(
        model, clean, loss=nn.functional.mse_loss, epochs=1, optimizer=lambda parameters: optimizer, progress=False
    )
    return history.train_loss[-1]


# %% [train_step] forgets_zero_grad
# Lets the gradients of all steps pile up.
def train_step(model, optimizer, clean, noisy):
    model.train()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [train_step] learns_the_noise
# Compares the output with the noisy image: the network learns to copy.
def train_step(model, optimizer, clean, noisy):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), noisy)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [train_step] sees_the_clean_image
# Sends the clean image through the network: there is nothing to denoise.
def train_step(model, optimizer, clean, noisy):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(clean), clean)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [train_step] step_before_backward
# Changes the weights before the gradients are known.
def train_step(model, optimizer, clean, noisy):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    optimizer.step()
    loss.backward()
    return loss.item()


# %% [train_step] stays_in_evaluation_mode
# Forgets model.train(), so that dropout and batch normalisation do not learn.
def train_step(model, optimizer, clean, noisy):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [train_step] returns_the_graph
# Returns the tensor: every stored loss keeps its whole graph in memory.
def train_step(model, optimizer, clean, noisy):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    optimizer.step()
    return loss


# %% [train_step] sums_over_pixels
# Takes the squared norm of the formula for the loss, and divides by the number of images only.
def train_step(model, optimizer, clean, noisy):
    model.train()
    optimizer.zero_grad()
    loss = ((model(noisy) - clean) ** 2).sum() / len(clean)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% [train_step] own_update
# Changes the weights by hand, with a learning rate of its own: the optimizer has no say.
def train_step(model, optimizer, clean, noisy):
    model.train()
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(noisy), clean)
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 0.1 * parameter.grad
    return loss.item()


# %% [denoise] calls_the_library
# Calls the function that the exercise builds.
def denoise(model, noisy):
    return training.denoise(model, noisy)


# %% [denoise] forgets_eval
# Thinks that no_grad() also switches dropout off.
def denoise(model, noisy):
    with torch.no_grad():
        return model(noisy)


# %% [denoise] forgets_no_grad
# Thinks that eval() also switches gradients off.
def denoise(model, noisy):
    mode = model.training
    model.eval()
    output = model(noisy)
    model.train(mode)
    return output


# %% [denoise] leaves_evaluation_mode_on
# Does not restore the mode: the next epoch trains in evaluation mode.
def denoise(model, noisy):
    model.eval()
    with torch.no_grad():
        return model(noisy)


# %% [denoise] always_switches_to_training
# Calls model.train() at the end, whatever the mode was before.
def denoise(model, noisy):
    model.eval()
    with torch.no_grad():
        output = model(noisy)
    model.train()
    return output


# %% [denoise] leaves_gradients_off
# Switches gradients off for the whole session: the next training learns nothing.
def denoise(model, noisy):
    mode = model.training
    model.eval()
    torch.set_grad_enabled(False)
    output = model(noisy)
    model.train(mode)
    return output


# %% [denoise] detaches_afterwards
# Computes the whole graph and throws it away: detach() saves neither memory nor time.
def denoise(model, noisy):
    mode = model.training
    model.eval()
    output = model(noisy).detach()
    model.train(mode)
    return output
