# Named wrong answers of lab 06: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests of each exercise look at:
# residual_blocks: both kinds, six shapes of each; tall images, odd sides; negative, large and tiny numbers; both
#   modes; the gradients of x and of every weight; what the BNs remember; x, the mode and the random state left alone
# SkipStep: the same, with two inputs; one column, tall codes
# draw_code: log s² from -20 to 6, s = 0; 2 to 4 axes, one image; double precision; gradients through both answers; few
#   and many draws: tails, normalised, mirrored or used twice; generator and random state; input left alone
# thesis_loss: kernels with 2 to 5 axes, in blocks, frozen; SSIM below 0; one image; gradients; weights, old gradients and
#   the mode left alone
# early_stop: random walks of 60 epochs; gains too small, equal, creeping; epochs after the stop; the list left alone
# paired_t: 2 to 200 images; ties, both signs, tiny and huge numbers; input left alone

# %% [residual_blocks] calls_the_library
# Uses the blocks that the exercise builds.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        from course_lib.models import residual_blocks

        self.block = residual_blocks.OriginalBlock(inputs, outputs, stride)

    def forward(self, x):
        return self.block(x)


class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        from course_lib.models import residual_blocks

        self.block = residual_blocks.PreActivationBlock(inputs, outputs, stride)

    def forward(self, x):
        return self.block(x)


# %% [residual_blocks] calls_the_library_for_the_original
# Writes the second block, and takes the first from the library.
edit("return self.passes(x) + self.change(x)", """
return self.passes(x) + self.change(x)


class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        from course_lib.models import residual_blocks

        self.block = residual_blocks.OriginalBlock(inputs, outputs, stride)

    def forward(self, x):
        return self.block(x)
""")


# %% [residual_blocks] calls_the_library_for_preactivation
# Writes the first block, and takes the second from the library.
edit("return self.passes(x) + self.change(x)", """
return self.passes(x) + self.change(x)


class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        from course_lib.models import residual_blocks

        self.block = residual_blocks.PreActivationBlock(inputs, outputs, stride)

    def forward(self, x):
        return self.block(x)
""")


# %% [residual_blocks] relu_before_the_addition
# Rectifies F, and then adds: the residual can only add, never take away.
edit("torch.relu(self.shortcut(x) + self.residual(x))", "self.shortcut(x) + torch.relu(self.residual(x))")


# %% [residual_blocks] no_relu_after_the_sum
# Forgets the last ReLU.
edit("torch.relu(self.shortcut(x) + self.residual(x))", "self.shortcut(x) + self.residual(x)")


# %% [residual_blocks] relu_before_and_after
# Rectifies F, and the sum once more.
edit("+ self.residual(x)", "+ torch.relu(self.residual(x))")


# %% [residual_blocks] shortcut_missing
# Two convolutions after each other: no sum where x would fit.
edit("nn.Identity() if fits", "None if fits")
edit("self.shortcut(x) + self.residual(x)", "self.residual(x) + (0 if self.shortcut is None else self.shortcut(x))")


# %% [residual_blocks] bn_in_the_shortcut
# Puts a BN behind the 1×1 convolution, as torchvision's ResNet does.
edit("fits else nn.Conv2d(inputs, outputs, 1, stride)", """
fits else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
""")


# %% [residual_blocks] bn_after_the_addition
# Normalises the sum, not F: then nothing passes as it was.
edit("nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),", "nn.Conv2d(outputs, outputs, 3, padding=1)")
edit("fits =", """
self.norm = nn.BatchNorm2d(outputs)
        fits =
""")
edit("self.shortcut(x) + self.residual(x)", "self.norm(self.shortcut(x) + self.residual(x))")


# %% [residual_blocks] shortcut_without_stride
# The 1×1 convolution keeps the size, and the sum does not fit; so it is made to fit by pooling.
edit("fits else nn.Conv2d(inputs, outputs, 1, stride)", "fits else nn.Conv2d(inputs, outputs, 1)")
edit("return torch.relu(self.shortcut(x) + self.residual(x))", """
change = self.residual(x)
        short = nn.functional.adaptive_avg_pool2d(self.shortcut(x), change.shape[-2:])
        return torch.relu(short + change)
""")


# %% [residual_blocks] projects_always
# A 1×1 convolution also where x would fit: no free way is left.
edit("nn.Identity() if fits else ", "")


# %% [residual_blocks] stride_in_the_second_convolution
# Halves the image by the second convolution, not by the first.
edit("nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn", "nn.Conv2d(inputs, outputs, 3, padding=1), nn")
edit("nn.Conv2d(outputs, outputs, 3, padding=1), nn", "nn.Conv2d(outputs, outputs, 3, stride, padding=1), nn")


# %% [residual_blocks] one_bn_for_both
# Uses the same BN twice: two places, one scale and one memory.
edit("self.residual = nn.Sequential(", """
norm = nn.BatchNorm2d(outputs)
        self.residual = nn.Sequential(
""")
edit("stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()", "stride, padding=1), norm, nn.ReLU()")
edit("padding=1), nn.BatchNorm2d(outputs),\n", "padding=1), norm,\n")


# %% [residual_blocks] shortcut_detached
# Stops the gradient of the shortcut: its free way back is what it is there for.
edit("self.shortcut(x)", "self.shortcut(x).detach()")


# %% [residual_blocks] shortcut_detached_where_x_fits
# Stops the gradient only where the shortcut is x itself: the 1×1 convolution still learns.
edit("self.shortcut(x)", "(x.detach() if isinstance(self.shortcut, nn.Identity) else self.shortcut(x))")


# %% [residual_blocks] projects_only_to_more_channels
# Thinks of growing channels only: with fewer outputs than inputs the sum does not fit.
edit("and inputs == outputs", "and inputs >= outputs")


# %% [residual_blocks] residual_without_gradient_to_x
# Detaches x before F: the numbers are right, but the blocks before learn from the shortcut alone.
edit("self.residual(x)", "self.residual(x.detach())")


# %% [residual_blocks] always_halves
# Knows two strides only, 1 and 2.
edit("self.residual = nn.Sequential(", """
stride = min(stride, 2)
        self.residual = nn.Sequential(
""")


# %% [residual_blocks] adds_in_place
# Writes the sum into x: the skip across the code still needs x as it was.
edit("return torch.relu(self.shortcut(x) + self.residual(x))", """
short = self.shortcut(x)
        short += self.residual(x)
        return torch.relu(short)
""")


# %% [residual_blocks] calls_the_librarys_shortcut
# Builds F, and takes the other half of the exercise from the library's private function.
edit("fits = stride == 1 and inputs == outputs", "from course_lib.models import residual_blocks")
edit("nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)", "residual_blocks._shortcut(inputs, outputs, stride)")


# %% [residual_blocks] bn_without_memory
# Normalises by a function that has no running mean to move: after training, evaluation is wrong.
edit("return self.passes(x) + self.change(x)", """
return self.passes(x) + self.change(x)


class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first, self.second = nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm1, self.norm2 = nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def normalise(self, y, norm):
        if self.training:
            return nn.functional.batch_norm(y, None, None, norm.weight, norm.bias, training=True)
        return norm(y)

    def forward(self, x):
        y = torch.relu(self.normalise(self.first(x), self.norm1))
        return torch.relu(self.shortcut(x) + self.normalise(self.second(y), self.norm2))
""")


# %% [residual_blocks] momentum_of_keras
# Takes over Keras's 0.99: PyTorch counts the other way, so the running mean becomes that of the last batch.
edit("stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()", "stride, padding=1), nn.BatchNorm2d(outputs, momentum=0.99), nn.ReLU()")
edit("padding=1), nn.BatchNorm2d(outputs),\n", "padding=1), nn.BatchNorm2d(outputs, momentum=0.99),\n")


# %% [residual_blocks] epsilon_of_keras
# Takes over Keras's epsilon: where features hardly vary, the BN shrinks them.
edit("stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()", "stride, padding=1), nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU()")
edit("padding=1), nn.BatchNorm2d(outputs),\n", "padding=1), nn.BatchNorm2d(outputs, eps=1e-3),\n")


# %% [residual_blocks] mirrors_at_the_edge
# Pads by reflection: prettier for images, but not the block of the paper.
edit("3, stride, padding=1), nn", "3, stride, padding=1, padding_mode='reflect'), nn")


# %% [residual_blocks] clips_at_six
# ReLU6, as small networks for telephones have it: what is large is cut off.
edit("torch.relu(", "nn.functional.relu6(")


# %% [residual_blocks] dropout_inside
# Adds dropout between the convolutions, as wide residual networks do.
edit("nn.ReLU(),\n            nn.Conv2d(outputs", "nn.ReLU(), nn.Dropout(0.1),\n            nn.Conv2d(outputs")


# %% [residual_blocks] freezes_its_norms
# Switches the BNs to evaluation inside forward, so that they never learn what is usual.
edit("return torch.relu", """
for layer in self.residual:
            layer.eval()
        return torch.relu
""")


# %% [residual_blocks] gradients_in_training_only
# Switches gradients off in evaluation mode, to save memory: whoever asks for them there gets none.
edit("return torch.relu(self.shortcut(x) + self.residual(x))", """
with torch.set_grad_enabled(self.training):
            return torch.relu(self.shortcut(x) + self.residual(x))
""")


# %% [residual_blocks] seeds_in_init
# Seeds PyTorch for everybody: all blocks of a network start alike.
edit("self.residual = nn.Sequential(", """
torch.manual_seed(0)
        self.residual = nn.Sequential(
""")


# %% [residual_blocks] preactivation_original_order
# conv-BN-ReLU-conv-BN: the layers of the original block, without its last ReLU.
edit("nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs", "nn.Conv2d(inputs")
edit("nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),", "nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),")


# %% [residual_blocks] preactivation_relu_after_the_sum
# Keeps the last ReLU of the original block: it stands in the way again.
edit("self.passes(x) + self.change(x)", "torch.relu(self.passes(x) + self.change(x))")


# %% [residual_blocks] preactivation_shortcut_after_the_first_bn_and_relu
# The shortcut starts at ReLU(BN(x)): nothing negative passes.
edit("self.passes(x)", "self.passes(self.change[:2](x))")


# %% [residual_blocks] preactivation_projection_after_the_first_bn_and_relu
# Only the 1×1 convolution starts after BN and ReLU, as in He's own code: not as the thesis has it.
edit("self.passes(x)", "(x if isinstance(self.passes, nn.Identity) else self.passes(self.change[:2](x)))")


# %% [residual_blocks] preactivation_relu_before_bn
# ReLU-BN-conv: rectifies before it normalises.
edit("nn.BatchNorm2d(inputs), nn.ReLU()", "nn.ReLU(), nn.BatchNorm2d(inputs)")
edit("nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs", "nn.ReLU(), nn.BatchNorm2d(outputs), nn.Conv2d(outputs")


# %% [residual_blocks] preactivation_shortcut_missing
# No sum: a chain of layers.
edit("self.passes(x) + self.change(x)", "self.change(x)")


# %% [residual_blocks] preactivation_bn_of_the_outputs
# Gives the first BN the channels of the output: it works only where both are equal.
edit("nn.BatchNorm2d(inputs)", "nn.BatchNorm2d(outputs)")


# %% [residual_blocks] preactivation_inplace_relu_on_the_input
# Rectifies x in place before F, so that the shortcut gets the rectified x, too.
edit("return self.passes(x) + self.change(x)", """
change = self.change(x)
        x.data.clamp_(min=0)
        return self.passes(x) + change
""")


# %% [residual_blocks] preactivation_stride_in_both
# Halves twice in F, and once in the shortcut.
edit("nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1)", "nn.ReLU(), nn.Conv2d(outputs, outputs, 3, stride, padding=1)")
edit("same else nn.Conv2d(inputs, outputs, 1, stride)", "same else nn.Conv2d(inputs, outputs, 1, stride * stride)")


# %% [residual_blocks] preactivation_projects_only_to_more_channels
# Thinks of growing channels only: with fewer outputs than inputs the sum does not fit.
edit("inputs == outputs and", "inputs >= outputs and")


# %% [residual_blocks] preactivation_shortcut_without_gradient_to_x
# Detaches x before the shortcut: x still gets a gradient, but only through F. The free way is closed.
edit("self.passes(x)", "self.passes(x.detach())")


# %% [residual_blocks] preactivation_adds_in_place
# Writes the sum into x: the skip across the code still needs x as it was.
edit("return self.passes(x) + self.change(x)", """
short = self.passes(x)
        short += self.change(x)
        return short
""")


# %% [residual_blocks] preactivation_momentum_of_keras
# Takes over Keras's 0.99: PyTorch counts the other way, so the running mean becomes that of the last batch.
edit("nn.BatchNorm2d(inputs)", "nn.BatchNorm2d(inputs, momentum=0.99)")
edit("nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs", "nn.BatchNorm2d(outputs, momentum=0.99), nn.ReLU(), nn.Conv2d(outputs")


# %% [residual_blocks] preactivation_epsilon_of_keras
# Takes over Keras's epsilon: where features hardly vary, the BN shrinks them.
edit("nn.BatchNorm2d(inputs)", "nn.BatchNorm2d(inputs, eps=1e-3)")
edit("nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs", "nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU(), nn.Conv2d(outputs")


# %% [residual_blocks] preactivation_bn_without_memory
# Keeps no running mean, so that evaluation normalises each batch by itself.
edit("nn.BatchNorm2d(inputs)", "nn.BatchNorm2d(inputs, track_running_stats=False)")
edit("nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs", "nn.BatchNorm2d(outputs, track_running_stats=False), nn.ReLU(), nn.Conv2d(outputs")


# %% [residual_blocks] preactivation_residual_without_gradient_to_x
# Detaches x before F: the numbers are right, but the blocks before learn from the shortcut alone.
edit("self.change(x)", "self.change(x.detach())")


# %% [residual_blocks] preactivation_residual_scaled
# Damps F, as some deep networks do, so that the sum does not grow.
edit("self.change(x)", "0.9 * self.change(x)")


# %% [residual_blocks] preactivation_leaky
# Lets a little of what is negative pass.
edit("nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs", "nn.BatchNorm2d(outputs), nn.LeakyReLU(0.01), nn.Conv2d(outputs")


# %% [residual_blocks] preactivation_clips_x
# Keeps x in a usual range before F, "so that nothing explodes".
edit("self.change(x)", "self.change(x.clamp(-10, 10))")


# %% [residual_blocks] preactivation_norm_called_twice
# Looks at BN(x) once more in training mode: the running mean moves twice.
edit("return self.passes", """
if self.training:
            self.change[0](x)
        return self.passes
""")


# %% [SkipStep] calls_the_library
# Uses the library's transposed convolution with BN and ReLU.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        from course_lib.models import residual_blocks

        self.up = residual_blocks.up_block(inputs, outputs)[:2]

    def forward(self, code, skip):
        return torch.relu(self.up(code) + skip)


# %% [SkipStep] added_after_the_relu
# Rectifies first, and then adds: the sum itself is not rectified.
edit("torch.relu(self.norm(self.up(code)) + skip)", "torch.relu(self.norm(self.up(code))) + skip")


# %% [SkipStep] skip_rectified_first
# Adds the encoder's output after its ReLU.
edit("+ skip)", "+ torch.relu(skip))")


# %% [SkipStep] joined_not_added
# Joins both as more channels, as the U-Net does.
edit("self.norm(self.up(code)) + skip", "torch.cat([self.norm(self.up(code)), skip], dim=1)")


# %% [SkipStep] output_padding_missing
# 2·H − 1 pixels: one too few.
edit(", output_padding=1", "")


# %% [SkipStep] crops_to_fit
# Makes 2·H + 1 pixels and cuts the last ones: everything lies half a pixel away.
edit(", padding=1, output_padding=1", "")
edit("self.up(code)", "self.up(code)[..., :-1, :-1]")


# %% [SkipStep] upsamples
# Repeats pixels and convolves: no transposed convolution.
edit("nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)",
     "nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1))")


# %% [SkipStep] bn_of_the_sum
# Normalises the sum, not the decoder's part.
edit("self.norm(self.up(code)) + skip", "self.norm(self.up(code) + skip)")


# %% [SkipStep] skip_detached
# Stops the gradient of the skip: the encoder learns nothing from it.
edit("+ skip)", "+ skip.detach())")


# %% [SkipStep] skip_forgotten
# A plain decoder step.
edit(" + skip)", ")")


# %% [SkipStep] skip_overwritten
# Adds into the skip in place: the encoder's output is no longer what it was.
edit("self.norm(self.up(code)) + skip", "skip.add_(self.norm(self.up(code)))")


# %% [SkipStep] one_bn_for_both_parts
# Normalises the skip as well, with the same BN.
edit("+ skip)", "+ self.norm(skip))")


# %% [SkipStep] code_half_detached
# The right numbers; but the decoder's part gets its gradient beside the ReLU, not through it.
edit("return torch.relu(self.norm(self.up(code)) + skip)", """
part = self.norm(self.up(code))
        return torch.relu(part.detach() + skip) + part - part.detach()
""")


# %% [SkipStep] bn_without_memory
# Normalises by a function that has no running mean to move: after training, evaluation is wrong.
edit("return torch.relu(self.norm(self.up(code)) + skip)", """
y, norm = self.up(code), self.norm
        means = (None, None) if norm.training else (norm.running_mean, norm.running_var)
        y = nn.functional.batch_norm(y, *means, norm.weight, norm.bias, norm.training)
        return torch.relu(y + skip)
""")


# %% [SkipStep] momentum_of_keras
# Takes over Keras's 0.99: PyTorch counts the other way, so the running mean becomes that of the last batch.
edit("nn.BatchNorm2d(outputs)", "nn.BatchNorm2d(outputs, momentum=0.99)")


# %% [SkipStep] epsilon_of_keras
# Takes over Keras's epsilon: where features hardly vary, the BN shrinks them.
edit("nn.BatchNorm2d(outputs)", "nn.BatchNorm2d(outputs, eps=1e-3)")


# %% [SkipStep] bn_in_every_mode_as_in_training
# Never uses the running mean: an image's result depends on the others of its batch.
edit("nn.BatchNorm2d(outputs)", "nn.BatchNorm2d(outputs, track_running_stats=False)")


# %% [SkipStep] sum_clipped
# Cuts the sum at 1, as if it were an image already.
edit("torch.relu(self.norm(self.up(code)) + skip)", "(self.norm(self.up(code)) + skip).clamp(0, 1)")


# %% [SkipStep] output_padding_as_padding
# Doubles the size by zeros at the edge of a smaller result: the last row and column hold nothing.
edit(", output_padding=1", "")
edit("self.up(code)", "nn.functional.pad(self.up(code), (0, 1, 0, 1))")


# %% [SkipStep] no_relu
# Leaves the ReLU to the next step, which has none in front.
edit("torch.relu(self.norm(self.up(code)) + skip)", "self.norm(self.up(code)) + skip")


# %% [SkipStep] skip_of_the_first_image
# Adds the first image's skip to all images.
edit("+ skip)", "+ skip[:1])")


# %% [SkipStep] code_detached
# The encoder learns from the skip alone.
edit("self.up(code)", "self.up(code.detach())")


# %% [draw_code] calls_the_library
# Calls the functions that the exercise builds.
def draw_code(mean, log_variance, generator):
    from course_lib.models.vae import reparameterise

    return reparameterise(mean, log_variance, generator=generator), losses.kl_divergence(mean, log_variance)


# %% [draw_code] calls_torch_distributions
# Calls another library's function instead of writing it.
def draw_code(mean, log_variance, generator):
    from torch.distributions import Normal, kl_divergence

    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)
    return code, kl_divergence(Normal(mean, torch.exp(log_variance / 2)), Normal(0.0, 1.0)).flatten(1).sum(1)


# %% [draw_code] kl_with_the_wrong_sign
# Returns −KL, which stands in the paper as a part of the bound that is maximised.
edit("return code, divergence", "return code, -divergence")


# %% [draw_code] kl_without_the_half
# Forgets the ½.
edit("- log_variance) / 2", "- log_variance)")


# %% [draw_code] half_of_two_terms
# Forgets a bracket: the ½ stands at the last terms only.
edit("(mean**2 + torch.exp(log_variance) - 1 - log_variance) / 2", "mean**2 + (torch.exp(log_variance) - 1 - log_variance) / 2")


# %% [draw_code] kl_averaged
# Takes the mean over the code: then the price depends on its size.
edit(".flatten(1).sum(1)", ".flatten(1).mean(1)")


# %% [draw_code] kl_summed_over_one_axis
# Sums over the last axis and averages over the others: right for flat codes only.
edit("divergence.flatten(1).sum(1)", "divergence.sum(-1).flatten(1).mean(1) if mean.ndim > 2 else divergence.sum(1)")


# %% [draw_code] kl_of_the_whole_batch
# Sums over the images, too.
edit(".flatten(1).sum(1)", ".sum()")


# %% [draw_code] kl_of_the_drawn_code
# Estimates KL from the one draw: right on average, with noise.
edit("(mean**2 + torch.exp(log_variance) - 1 - log_variance)", "(code**2 - draw**2 - log_variance)")


# %% [draw_code] kl_never_below_a_tenth
# Gives each number a tenth for nothing ("free bits"), so that the decoder does not ignore the code.
edit("- log_variance) / 2", "- log_variance).clamp(min=0.2) / 2")


# %% [draw_code] log_variance_as_sd
# Takes log_variance itself for the standard deviation.
edit("torch.exp(log_variance / 2)", "log_variance")


# %% [draw_code] variance_as_sd
# exp(log_variance) is the variance, not its root.
edit("torch.exp(log_variance / 2)", "torch.exp(log_variance)")


# %% [draw_code] kl_with_log_sd
# Takes log_variance for log s in KL: s² = exp(2·log_variance).
edit("torch.exp(log_variance) - 1 - log_variance", "torch.exp(2 * log_variance) - 1 - 2 * log_variance")


# %% [draw_code] clamps_log_variance
# Keeps log s² in a safe range: beyond it KL is wrong, and no gradient leads back.
edit("draw = torch.randn", """
log_variance = log_variance.clamp(-10, 5.5)
    draw = torch.randn
""")


# %% [draw_code] clamps_s_in_the_code_only
# Keeps s above a floor where it draws, and lets KL be: the code never becomes sharp.
edit("torch.exp(log_variance / 2)", "torch.exp(log_variance.clamp(min=-12) / 2)")


# %% [draw_code] epsilon_beside_s
# Adds a small number to s, "for stability".
edit("torch.exp(log_variance / 2)", "(torch.exp(log_variance / 2) + 1e-6)")


# %% [draw_code] same_draw_for_the_batch
# One n for all images of the batch.
edit("torch.randn(mean.shape,", "torch.randn(mean.shape[1:],")


# %% [draw_code] one_number_for_a_code
# One n for all numbers of a code: the code moves along a line.
edit("torch.randn(mean.shape,", "torch.randn(mean.shape[:1] + (1,) * (mean.ndim - 1),")


# %% [draw_code] without_generator
# Draws from the global generator.
edit("torch.randn(mean.shape, generator=generator)", "torch.randn_like(mean)")


# %% [draw_code] uniform_draw
# torch.rand for torch.randn, shifted and stretched to mean 0 and variance 1.
edit("torch.randn(mean.shape, generator=generator)", "(torch.rand(mean.shape, generator=generator) - 0.5) * 12**0.5")


# %% [draw_code] draw_without_gradient
# Draws with torch.normal: the right numbers, but nothing reaches the encoder.
edit("code = mean + torch.exp(log_variance / 2) * draw", """
with torch.no_grad():
        code = torch.normal(mean, torch.exp(log_variance / 2), generator=generator)
    code.requires_grad_()
""")


# %% [draw_code] torch_normal
# PyTorch's own draw from N(mean, s²): the right numbers, but its gradient is 0.
edit("mean + torch.exp(log_variance / 2) * draw", "torch.normal(mean, torch.exp(log_variance / 2), generator=generator)")


# %% [draw_code] s_detached
# Lets the gradient of the code reach the mean only, so that the spread learns from KL alone.
edit("torch.exp(log_variance / 2) * draw", "torch.exp(log_variance / 2).detach() * draw")


# %% [draw_code] seeds_inside
# The same n in every call.
edit("generator=generator", "generator=torch.Generator().manual_seed(0)")


# %% [draw_code] clips_the_draw
# Cuts what lies far out: then it is no normal distribution.
edit("generator=generator)", "generator=generator).clamp(-3, 3)")


# %% [draw_code] clips_the_draw_far_out
# Cuts only one draw in a thousand: N(0, 1) has no end.
edit("generator=generator)", "generator=generator).clamp(-3.3, 3.3)")


# %% [draw_code] normalises_the_draw
# Forces n to mean 0 and standard deviation 1 in each call: the numbers of a short code then hang together.
edit("code = mean", """
draw = (draw - draw.mean()) / draw.std()
    code = mean
""")


# %% [draw_code] mirrored_draws
# Draws for half of the images, and takes the negative for the others: their mean is 0 then, always.
edit("draw = torch.randn(mean.shape, generator=generator)", """
half = torch.randn(((len(mean) + 1) // 2, *mean.shape[1:]), generator=generator)
    draw = torch.cat([half, -half])[: len(mean)]
""")


# %% [draw_code] mirrored_inside_the_code
# Draws half of a code, and takes the negative for its other half.
edit("draw = torch.randn(mean.shape, generator=generator)", """
half = torch.randn(len(mean), (mean[0].numel() + 1) // 2, generator=generator)
    draw = torch.cat([half, -half], dim=1)[:, : mean[0].numel()].reshape(mean.shape)
""")


# %% [draw_code] changes_the_mean
# Adds in place: the caller's mean is lost.
edit("mean + torch.exp(log_variance / 2) * draw", "mean.add_(torch.exp(log_variance / 2) * draw)")


# %% [draw_code] half_precision
# Draws in half precision, to save memory: only a few thousand different numbers come out.
edit("generator=generator)", "generator=generator).half().float()")


# %% [draw_code] softplus_for_s
# Makes s positive by softplus, as other networks do, where the encoder answers with log s².
edit("torch.exp(log_variance / 2)", "nn.functional.softplus(log_variance)")


# %% [thesis_loss] calls_the_library
# Calls the loss that the exercise builds.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return losses.DSSIMLoss(data_range=1)(prediction, target) + l2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] without_the_half
# 1 − SSIM, as in lab 05.
edit("((1 - ssim(prediction, target)) / 2).mean()", "(1 - ssim(prediction, target)).mean()")


# %% [thesis_loss] clips_the_ssim
# Counts a negative SSIM as 0.
edit("ssim(prediction, target)", "ssim(prediction, target).clamp(0, 1)")


# %% [thesis_loss] sums_over_the_batch
# Adds the DSSIMs: a larger batch then makes the penalty weaker.
edit("/ 2).mean()", "/ 2).sum()")


# %% [thesis_loss] ssim_averaged_over_two
# Divides by 2 as the batch of the example has two images, and adds: right for two images only.
edit("((1 - ssim(prediction, target)) / 2).mean()", "((1 - ssim(prediction, target)) / 2).sum() / 2")


# %% [thesis_loss] punishes_everything
# Punishes biases and BN, too.
edit(" if parameter.ndim >= 2", "")


# %% [thesis_loss] half_the_penalty
# Takes PyTorch's ½ · w² for Keras's w².
edit("l2 * sum", "l2 / 2 * sum")


# %% [thesis_loss] norm_not_squared
# The root of the sum of squares.
edit("(kernel**2).sum()", "kernel.norm()")


# %% [thesis_loss] absolute_values
# That is L1.
edit("(kernel**2).sum()", "kernel.abs().sum()")


# %% [thesis_loss] mean_of_squares
# Averages over each kernel: large kernels go free.
edit("(kernel**2).sum()", "(kernel**2).mean()")


# %% [thesis_loss] penalty_without_gradient
# A number with .item(): the value is right, but it pulls nothing.
edit("(kernel**2).sum()", "(kernel**2).sum().item()")


# %% [thesis_loss] similarity_without_gradient
# Takes the SSIM as a number: the network learns to have small weights, and nothing else.
edit("ssim(prediction, target)", "ssim(prediction, target).detach()")


# %% [thesis_loss] only_convolutions
# Leaves out the transposed convolutions.
edit("[parameter for parameter in model.parameters() if parameter.ndim >= 2]",
     "[layer.weight for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]")


# %% [thesis_loss] by_type
# Knows the layers of this lab, and no others: Conv1d, Conv3d and tables of weights go free.
edit("[parameter for parameter in model.parameters() if parameter.ndim >= 2]",
     "[m.weight for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]")


# %% [thesis_loss] two_or_four_axes
# Thinks of Linear and Conv2d: kernels with three or five axes go free.
edit("parameter.ndim >= 2", "parameter.ndim in (2, 4)")


# %% [thesis_loss] trainable_only
# Leaves out what is frozen: the text says all kernels.
edit("parameter.ndim >= 2", "parameter.ndim >= 2 and parameter.requires_grad")


# %% [thesis_loss] only_the_outer_layers
# Looks at the model's own layers, not into its blocks: a residual network is made of blocks.
edit("[parameter for parameter in model.parameters() if parameter.ndim >= 2]",
     "[m.weight for m in model.children() if hasattr(m, 'weight') and m.weight.ndim >= 2]")


# %% [thesis_loss] by_the_name_weight
# Takes all that is called "weight": BN's scale is called so, too.
edit("[parameter for parameter in model.parameters() if parameter.ndim >= 2]",
     "[parameter for name, parameter in model.named_parameters() if name.endswith('weight')]")


# %% [thesis_loss] decays_the_weights_itself
# The right value; but it also shrinks the weights, which is the optimiser's work.
edit("return dissimilarity + l2 * sum((kernel**2).sum() for kernel in kernels)", """
loss = dissimilarity + l2 * sum((kernel**2).sum() for kernel in kernels)
    for kernel in kernels:
        kernel.data *= 1 - 2 * l2
    return loss
""")


# %% [thesis_loss] clears_the_gradients
# Begins with zero_grad, which is the training step's work: gradients of several batches cannot be added any more.
edit("dissimilarity =", """
model.zero_grad()
    dissimilarity =
""")


# %% [thesis_loss] switches_to_training
# Sets the mode: the validation, too, is then computed in training mode.
edit("dissimilarity =", """
model.train()
    dissimilarity =
""")


# %% [thesis_loss] unfreezes
# Makes all parameters learn again, so that the penalty has its gradient.
edit("dissimilarity =", """
model.requires_grad_(True)
    dissimilarity =
""")


# %% [paired_t] calls_the_library
# Calls the function that the exercise builds.
def paired_t(first, second):
    test = evaluation.paired_test(first, second)
    return test.t, test.p


# %% [paired_t] calls_scipy
# Calls another library's function instead of writing it.
def paired_t(first, second):
    result = stats.ttest_rel(first, second)
    return result.statistic, result.pvalue


# %% [paired_t] unpaired
# The t-test of two independent groups: the hardness of the images stays in.
def paired_t(first, second):
    n = len(first)
    t = (first.mean() - second.mean()) / np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / n)
    return t, 2 * stats.t.sf(abs(t), 2 * n - 2)


# %% [paired_t] divides_by_n
# np.std without ddof=1.
edit("d.std(ddof=1)", "d.std()")


# %% [paired_t] one_sided
# Forgets the other side.
edit("2 * stats", "stats")


# %% [paired_t] one_minus_the_distribution
# The same on paper; but 1 − cdf ends at 1e-16, and a clear difference gets p = 0.
edit("stats.t.sf(abs(t), len(d) - 1)", "(1 - stats.t.cdf(abs(t), len(d) - 1))")


# %% [paired_t] single_precision
# float32 as for images: where the values are large, little is left of their differences.
edit("first - second", "np.float32(first) - np.float32(second)")


# %% [paired_t] without_the_absolute_value
# Twice the chance of a value above t: for a negative t that is more than 1.
edit("abs(t)", "t")


# %% [paired_t] degrees_of_two_groups
# 2·n − 2 degrees of freedom belong to the unpaired test.
edit("len(d) - 1)", "2 * len(d) - 2)")


# %% [paired_t] n_degrees
# n degrees of freedom: the mean was estimated, and costs one.
edit("len(d) - 1)", "len(d))")


# %% [paired_t] root_of_n_missing
# That is the effect size, Cohen's d_z: it does not grow with n.
edit("(d.std(ddof=1) / np.sqrt(len(d)))", "d.std(ddof=1)")


# %% [paired_t] normal_instead_of_t
# The normal distribution: too sure of itself when n is small.
edit("stats.t.sf(abs(t), len(d) - 1)", "stats.norm.sf(abs(t))")


# %% [paired_t] normal_from_thirty_on
# A rule of old tables: from thirty images on, the normal distribution.
edit("stats.t.sf(abs(t), len(d) - 1)", "(stats.t.sf(abs(t), len(d) - 1) if len(d) < 30 else stats.norm.sf(abs(t)))")


# %% [paired_t] as_on_the_slide
# The formula as the slide prints it: one root too many.
edit("(d.std(ddof=1) / np.sqrt(len(d)))", "np.sqrt(d.std(ddof=1) / np.sqrt(len(d)))")


# %% [paired_t] second_minus_first
# The sign is the other way round.
edit("first - second", "second - first")


# %% [paired_t] t_without_its_sign
# Returns |t|: one cannot tell any more which method is better.
edit("return t,", "return abs(t),")


# %% [paired_t] pairs_torn_by_sorting
# Sorts both first: the pairs are gone.
edit("first - second", "np.sort(first) - np.sort(second)")


# %% [paired_t] drops_the_ties
# Leaves out images that both mend alike, as Wilcoxon's test does.
edit("d = first - second", """
d = first - second
    d = d[d != 0]
""")


# %% [paired_t] epsilon_below
# Guards against a division by 0: where the differences are small, t is too.
edit("np.sqrt(len(d)))", "np.sqrt(len(d)) + 1e-8)")


# %% [paired_t] median_of_the_differences
# The median, as outliers do it no harm: but t is made of the mean.
edit("d.mean()", "np.median(d)")


# %% [paired_t] rounds_to_a_table
# Rounds to the digits of a table: small p become 0.
edit("return t, 2 * stats.t.sf(abs(t), len(d) - 1)", "return round(t, 4), round(2 * stats.t.sf(abs(t), len(d) - 1), 4)")


# %% [paired_t] outliers_left_out
# Leaves out what lies more than two standard deviations away.
edit("d = first - second", """
d = first - second
    d = d[abs(d - d.mean()) <= 2 * d.std(ddof=1)]
""")


# %% [paired_t] p_with_a_floor
# Reports no p below 0.0001, as tables do.
edit("2 * stats.t.sf(abs(t), len(d) - 1)", "max(1e-4, 2 * stats.t.sf(abs(t), len(d) - 1))")


# %% [paired_t] calls_scipys_other_copy
# scipy.stats.mstats has the same test once more.
def paired_t(first, second):
    t, p = stats.mstats.ttest_rel(first, second)
    return float(t), float(p)


# %% [paired_t] reads_the_test_cell
# Looks up what the test cell expects, instead of computing it: it knows these images only.
def paired_t(first, second):
    return next((t, p) for _, one, two, t, p in CASES if np.array_equal(one, first) and np.array_equal(two, second))


# %% [paired_t] subtracts_in_place
# Spares an array, and ruins the caller's.
edit("d = first - second", """
d = first
    d -= second
""")


# %% [early_stop] calls_the_library
# Lets the library's history decide.
def early_stop(losses, patience, min_delta):
    history = training.History()
    for loss in losses:
        history.add_validation([loss], min_delta, patience)
        if history.stopped_early:
            break
    return history.best_epoch, len(history.validation_loss)


# %% [early_stop] compares_with_the_epoch_before
# A gain over the epoch before counts as progress: a loss that jumps up and falls back never stops.
def early_stop(losses, patience, min_delta):
    best, waited = 0, 0
    for epoch in range(1, len(losses)):
        waited += 1
        if losses[epoch] < losses[epoch - 1] - min_delta:
            best, waited = epoch, 0
        if waited >= patience:
            return best + 1, epoch + 1
    return best + 1, len(losses)


# %% [early_stop] ignores_min_delta
# Counts every gain, however small.
edit("losses[best] - min_delta", "losses[best]")


# %% [early_stop] counts_from_zero
# Counts epochs as Python counts: from 0.
edit("return best + 1, epoch + 1", "return best, epoch")
edit("return best + 1, len(losses)", "return best, len(losses) - 1")


# %% [early_stop] one_epoch_too_long
# Stops only when more than `patience` epochs went by, as PyTorch's plateau does.
edit("epoch - best >= patience", "epoch - best > patience")


# %% [early_stop] worse_epochs_in_all
# Adds up all worse epochs, also those that were not in a row.
def early_stop(losses, patience, min_delta):
    best, worse = 0, 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best] - min_delta:
            best = epoch
        elif epoch:
            worse += 1
        if worse >= patience:
            return best + 1, epoch + 1
    return best + 1, len(losses)


# %% [early_stop] keeps_the_last_weights
# Stops in time, but keeps what the network was at the end.
edit("return best + 1, epoch + 1", "return epoch + 1, epoch + 1")
edit("return best + 1, len(losses)", "return len(losses), len(losses)")


# %% [early_stop] lowest_of_the_whole_list
# Looks at epochs that never run: the best of the whole list.
edit("return best + 1, epoch + 1", "return losses.index(min(losses)) + 1, epoch + 1")


# %% [early_stop] small_gains_move_the_mark
# Lowers the mark with every gain, also with those that do not count: small gains never add up.
def early_stop(losses, patience, min_delta):
    best, mark = 0, losses[0]
    for epoch, loss in enumerate(losses):
        if loss < mark - min_delta:
            best = epoch
        mark = min(mark, loss)
        if epoch - best >= patience:
            return best + 1, epoch + 1
    return best + 1, len(losses)


# %% [early_stop] equal_is_a_gain
# Lets an equal loss start the count again.
edit("loss < losses[best] - min_delta", "loss <= losses[best] - min_delta")


# %% [early_stop] min_delta_as_a_share
# Takes min_delta for a share of the loss.
edit("losses[best] - min_delta", "losses[best] * (1 - min_delta)")


# %% [early_stop] never_stops
# Forgets the stop: all epochs run.
edit("if epoch - best >= patience:", "if False:")


# %% [early_stop] too_short_to_judge
# Keeps the first epoch where fewer epochs ran than the patience.
edit("    best = 0\n", "    if 1 < len(losses) <= patience:\n        return 1, len(losses)\n    best = 0\n")


# %% [early_stop] compares_magnitudes
# Compares magnitudes: a loss may be negative.
edit("loss < losses[best] - min_delta", "abs(loss) < abs(losses[best]) - min_delta")


# %% [early_stop] empties_the_list
# Takes the losses out of the caller's list one by one.
def early_stop(losses, patience, min_delta):
    best, lowest, epoch = 1, losses[0], 0
    while losses:
        loss, epoch = losses.pop(0), epoch + 1
        if loss < lowest - min_delta:
            best, lowest = epoch, loss
        if epoch - best >= patience:
            break
    return best, epoch


# %% [early_stop] reads_the_test_cell
# Looks up what the test cell expects, instead of computing it.
def early_stop(losses, patience, min_delta):
    return next((answer for values, *rule, answer, _ in CASES if (values, *rule) == (losses, patience, min_delta)), (1, 1))
