# Named wrong answers of lab 06: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.

# %% [OriginalBlock] calls_the_library
# Uses the block that the exercise builds.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        from course_lib.models import residual_blocks

        self.block = residual_blocks.OriginalBlock(inputs, outputs, stride)

    def forward(self, x):
        return self.block(x)


# %% [OriginalBlock] relu_before_the_addition
# Rectifies F, and then adds: the residual can only add, never take away.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [OriginalBlock] no_relu_after_the_sum
# Forgets the last ReLU.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [OriginalBlock] relu_before_and_after
# Rectifies F, and the sum once more.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] shortcut_missing
# Two convolutions after each other: no sum where x would fit.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = None if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        short = 0 if self.shortcut is None else self.shortcut(x)
        return torch.relu(short + self.residual(x))


# %% [OriginalBlock] bn_in_the_shortcut
# Puts a BN behind the 1×1 convolution, as torchvision's ResNet does.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] bn_after_the_addition
# Normalises the sum, not F: then nothing passes as it was.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU())
        self.second, self.norm = nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs)
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.norm(self.shortcut(x) + self.second(self.first(x))))


# %% [OriginalBlock] shortcut_without_stride
# The 1×1 convolution keeps the size, and the sum does not fit; so it is made to fit by pooling.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x):
        change = self.residual(x)
        return torch.relu(nn.functional.adaptive_avg_pool2d(self.shortcut(x), change.shape[-2:]) + change)


# %% [OriginalBlock] projects_always
# A 1×1 convolution also where x would fit: no free way is left.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] stride_in_the_second_convolution
# Halves the image by the second convolution, not by the first.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] one_bn_for_both
# Uses the same BN twice: two places, one scale and one memory.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first, self.second = nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.norm(self.second(torch.relu(self.norm(self.first(x))))))


# %% [OriginalBlock] shortcut_detached
# Stops the gradient of the shortcut: its free way back is what it is there for.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x).detach() + self.residual(x))


# %% [OriginalBlock] projects_only_to_more_channels
# Thinks of growing channels only: with fewer outputs than inputs the sum does not fit.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs >= outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] residual_without_gradient_to_x
# Detaches x before F: the numbers are right, but the blocks before learn from the shortcut alone.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x.detach()))


# %% [OriginalBlock] always_halves
# Knows two strides only, 1 and 2.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        stride = 2 if stride > 1 else 1
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] adds_in_place
# Writes the sum into x: the skip across the code still needs x as it was.
class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        short = self.shortcut(x)
        short += self.residual(x)
        return torch.relu(short)


# %% [OriginalBlock] calls_the_librarys_shortcut
# Builds F, and takes the other half of the exercise from the library's private function.
from course_lib.models import residual_blocks


class OriginalBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.shortcut = residual_blocks._shortcut(inputs, outputs, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [OriginalBlock] bn_without_memory
# Normalises by a function that has no running mean to move: after training, evaluation is wrong.
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


# %% [PreActivationBlock] calls_the_library
# Uses the block that the exercise builds.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        from course_lib.models import residual_blocks

        self.block = residual_blocks.PreActivationBlock(inputs, outputs, stride)

    def forward(self, x):
        return self.block(x)


# %% [PreActivationBlock] original_order
# conv-BN-ReLU-conv-BN: the layers of the original block, without its last ReLU.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [PreActivationBlock] relu_after_the_sum
# Keeps the last ReLU of the original block: it stands in the way again.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return torch.relu(self.shortcut(x) + self.residual(x))


# %% [PreActivationBlock] shortcut_after_the_first_bn_and_relu
# The shortcut starts at ReLU(BN(x)): nothing negative passes.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.start = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        x = self.start(x)
        return self.shortcut(x) + self.residual(x)


# %% [PreActivationBlock] projection_after_the_first_bn_and_relu
# Only the 1×1 convolution starts after BN and ReLU, as in He's own code: not as the thesis has it.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.start = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU())
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = None if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        active = self.start(x)
        return (x if self.shortcut is None else self.shortcut(active)) + self.residual(active)


# %% [PreActivationBlock] relu_before_bn
# ReLU-BN-conv: rectifies before it normalises.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.ReLU(), nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.ReLU(), nn.BatchNorm2d(outputs), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [PreActivationBlock] shortcut_missing
# No sum: a chain of layers.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip

    def forward(self, x):
        return self.residual(x)


# %% [PreActivationBlock] bn_of_the_outputs
# Gives the first BN the channels of the output: it works only where both are equal.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [PreActivationBlock] inplace_relu_on_the_input
# Rectifies x in place before F, so that the shortcut gets the rectified x, too.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.norm1, self.first = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        self.norm2, self.second = nn.BatchNorm2d(outputs), nn.Conv2d(outputs, outputs, 3, padding=1)
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        y = self.norm1(x)
        x.data.clamp_(min=0)
        return self.shortcut(x) + self.second(torch.relu(self.norm2(self.first(torch.relu(y)))))


# %% [PreActivationBlock] stride_in_both
# Halves twice in F, and once in the shortcut.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, stride, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride * stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [PreActivationBlock] projects_only_to_more_channels
# Thinks of growing channels only: with fewer outputs than inputs the sum does not fit.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs >= outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x) + self.residual(x)


# %% [PreActivationBlock] shortcut_without_gradient_to_x
# Detaches x before the shortcut: x still gets a gradient, but only through F. The free way is closed.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        return self.shortcut(x.detach()) + self.residual(x)


# %% [PreActivationBlock] adds_in_place
# Writes the sum into x: the skip across the code still needs x as it was.
class PreActivationBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, stride, padding=1),
            nn.BatchNorm2d(outputs), nn.ReLU(), nn.Conv2d(outputs, outputs, 3, padding=1),
        )  # fmt: skip
        fits = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if fits else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x):
        short = self.shortcut(x)
        short += self.residual(x)
        return short


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
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code))) + skip


# %% [SkipStep] skip_rectified_first
# Adds the encoder's output after its ReLU.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)) + torch.relu(skip))


# %% [SkipStep] joined_not_added
# Joins both as more channels, as the U-Net does.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(torch.cat([self.norm(self.up(code)), skip], dim=1))


# %% [SkipStep] output_padding_missing
# 2·H − 1 pixels: one too few.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)) + skip)


# %% [SkipStep] crops_to_fit
# Makes 2·H + 1 pixels and cuts the last ones: everything lies half a pixel away.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)[..., :-1, :-1]) + skip)


# %% [SkipStep] upsamples
# Repeats pixels and convolves: no transposed convolution.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)) + skip)


# %% [SkipStep] bn_of_the_sum
# Normalises the sum, not the decoder's part.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code) + skip))


# %% [SkipStep] skip_detached
# Stops the gradient of the skip: the encoder learns nothing from it.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)) + skip.detach())


# %% [SkipStep] skip_forgotten
# A plain decoder step.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)))


# %% [SkipStep] skip_overwritten
# Adds into the skip in place: the encoder's output is no longer what it was.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        skip += self.norm(self.up(code))
        return torch.relu(skip)


# %% [SkipStep] one_bn_for_both_parts
# Normalises the skip as well, with the same BN.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        return torch.relu(self.norm(self.up(code)) + self.norm(skip))


# %% [SkipStep] code_half_detached
# The right numbers; but the decoder's part gets its gradient beside the ReLU, not through it.
class SkipStep(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.up = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, code, skip):
        part = self.norm(self.up(code))
        return torch.relu(part.detach() + skip) + part - part.detach()


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
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)
    return code, ((1 + log_variance - mean**2 - log_variance.exp()) / 2).flatten(1).sum(1)


# %% [draw_code] kl_without_the_half
# Forgets the ½.
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)
    return code, (mean**2 + log_variance.exp() - 1 - log_variance).flatten(1).sum(1)


# %% [draw_code] kl_averaged
# Takes the mean over the code: then the price depends on its size.
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).mean(1)


# %% [draw_code] kl_of_the_whole_batch
# Sums over the images, too.
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).sum()


# %% [draw_code] kl_of_the_drawn_code
# Estimates KL from the one draw: right on average, with noise.
def draw_code(mean, log_variance, generator):
    n = torch.randn(mean.shape, generator=generator)
    code = mean + torch.exp(log_variance / 2) * n
    return code, ((code**2 - n**2 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] log_variance_as_sd
# Takes log_variance itself for the standard deviation.
def draw_code(mean, log_variance, generator):
    code = mean + log_variance * torch.randn(mean.shape, generator=generator)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] variance_as_sd
# exp(log_variance) is the variance, not its root.
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance) * torch.randn(mean.shape, generator=generator)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] kl_with_log_sd
# Takes log_variance for log s in KL: s² = exp(2·log_variance).
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)
    return code, ((mean**2 + (2 * log_variance).exp() - 1 - 2 * log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] same_draw_for_the_batch
# One n for all images of the batch.
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn(mean.shape[1:], generator=generator)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] one_number_for_a_code
# One n for all numbers of a code: the code moves along a line.
def draw_code(mean, log_variance, generator):
    n = torch.randn(mean.shape[:1] + (1,) * (mean.ndim - 1), generator=generator)
    return mean + torch.exp(log_variance / 2) * n, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] without_generator
# Draws from the global generator.
def draw_code(mean, log_variance, generator):
    code = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] uniform_draw
# torch.rand for torch.randn, shifted and stretched to mean 0 and variance 1.
def draw_code(mean, log_variance, generator):
    n = (torch.rand(mean.shape, generator=generator) - 0.5) * 12**0.5
    return mean + torch.exp(log_variance / 2) * n, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] draw_without_gradient
# Draws with torch.normal: the right numbers, but nothing reaches the encoder.
def draw_code(mean, log_variance, generator):
    with torch.no_grad():
        code = torch.normal(mean, torch.exp(log_variance / 2), generator=generator)
    return code.requires_grad_(), ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] torch_normal
# PyTorch's own draw from N(mean, s²): the right numbers, but its gradient is 0.
def draw_code(mean, log_variance, generator):
    code = torch.normal(mean, torch.exp(log_variance / 2), generator=generator)
    return code, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] seeds_inside
# The same n in every call.
def draw_code(mean, log_variance, generator):
    n = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    return mean + torch.exp(log_variance / 2) * n, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] clips_the_draw
# Cuts what lies far out: then it is no normal distribution.
def draw_code(mean, log_variance, generator):
    n = torch.randn(mean.shape, generator=generator).clamp(-3, 3)
    return mean + torch.exp(log_variance / 2) * n, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] normalises_the_draw
# Forces n to mean 0 and standard deviation 1 in each call: the numbers of a short code then hang together.
def draw_code(mean, log_variance, generator):
    n = torch.randn(mean.shape, generator=generator)
    n = (n - n.mean()) / n.std()
    return mean + torch.exp(log_variance / 2) * n, ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)


# %% [draw_code] changes_the_mean
# Adds in place: the caller's mean is lost.
def draw_code(mean, log_variance, generator):
    divergence = ((mean**2 + log_variance.exp() - 1 - log_variance) / 2).flatten(1).sum(1)
    return mean.add_(torch.exp(log_variance / 2) * torch.randn(mean.shape, generator=generator)), divergence


# %% [thesis_loss] calls_the_library
# Calls the loss that the exercise builds.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return losses.DSSIMLoss(data_range=1)(prediction, target) + l2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] without_the_half
# 1 − SSIM, as in lab 05.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return (1 - ssim(prediction, target)).mean() + l2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] clips_the_ssim
# Counts a negative SSIM as 0.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target).clamp(0, 1)) / 2).mean() + l2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] sums_over_the_batch
# Adds the DSSIMs: a larger batch then makes the penalty weaker.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target)) / 2).sum() + l2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] punishes_everything
# Punishes biases and BN, too.
def thesis_loss(model, prediction, target, ssim, l2):
    penalty = sum((parameter**2).sum() for parameter in model.parameters())
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * penalty


# %% [thesis_loss] half_the_penalty
# Takes PyTorch's ½ · w² for Keras's w².
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 / 2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] norm_not_squared
# The root of the sum of squares.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum(kernel.norm() for kernel in kernels)


# %% [thesis_loss] absolute_values
# That is L1.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum(kernel.abs().sum() for kernel in kernels)


# %% [thesis_loss] mean_of_squares
# Averages over each kernel: large kernels go free.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum((kernel**2).mean() for kernel in kernels)


# %% [thesis_loss] penalty_without_gradient
# A number with .item(): the value is right, but it pulls nothing.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum((kernel**2).sum().item() for kernel in kernels)


# %% [thesis_loss] only_convolutions
# Leaves out the transposed convolutions.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [layer.weight for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum((kernel**2).sum() for kernel in kernels)


# %% [thesis_loss] only_the_outer_layers
# Looks at the model's own layers, not into its blocks: a residual network is made of blocks.
def thesis_loss(model, prediction, target, ssim, l2):
    weights = [layer.weight for layer in model.children() if hasattr(layer, "weight")]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum((weight**2).sum() for weight in weights if weight.ndim >= 2)


# %% [thesis_loss] by_the_name_weight
# Takes all that is called "weight": BN's scale is called so, too.
def thesis_loss(model, prediction, target, ssim, l2):
    weights = [parameter for name, parameter in model.named_parameters() if name.endswith("weight")]
    return ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum((weight**2).sum() for weight in weights)


# %% [thesis_loss] decays_the_weights_itself
# The right value; but it also shrinks the weights, which is the optimiser's work.
def thesis_loss(model, prediction, target, ssim, l2):
    kernels = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    loss = ((1 - ssim(prediction, target)) / 2).mean() + l2 * sum((kernel**2).sum() for kernel in kernels)
    for kernel in kernels:
        kernel.data *= 1 - 2 * l2
    return loss


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
def paired_t(first, second):
    d = first - second
    t = d.mean() / (d.std() / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] one_sided
# Forgets the other side.
def paired_t(first, second):
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] without_the_absolute_value
# Twice the chance of a value above t: for a negative t that is more than 1.
def paired_t(first, second):
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(t, len(d) - 1)


# %% [paired_t] degrees_of_two_groups
# 2·n − 2 degrees of freedom belong to the unpaired test.
def paired_t(first, second):
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), 2 * len(d) - 2)


# %% [paired_t] n_degrees
# n degrees of freedom: the mean was estimated, and costs one.
def paired_t(first, second):
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d))


# %% [paired_t] root_of_n_missing
# That is the effect size, Cohen's d_z: it does not grow with n.
def paired_t(first, second):
    d = first - second
    t = d.mean() / d.std(ddof=1)
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] normal_instead_of_t
# The normal distribution: too sure of itself when n is small.
def paired_t(first, second):
    d = first - second
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.norm.sf(abs(t))


# %% [paired_t] as_on_the_slide
# The formula as the slide prints it: one root too many.
def paired_t(first, second):
    d = first - second
    t = d.mean() / np.sqrt(d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] second_minus_first
# The sign is the other way round.
def paired_t(first, second):
    d = second - first
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] pairs_torn_by_sorting
# Sorts both first: the pairs are gone.
def paired_t(first, second):
    d = np.sort(first) - np.sort(second)
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] drops_the_ties
# Leaves out images that both mend alike, as Wilcoxon's test does.
def paired_t(first, second):
    d = first - second
    d = d[d != 0]
    t = d.mean() / (d.std(ddof=1) / np.sqrt(len(d)))
    return t, 2 * stats.t.sf(abs(t), len(d) - 1)


# %% [paired_t] calls_scipys_other_copy
# scipy.stats.mstats has the same test once more.
def paired_t(first, second):
    t, p = stats.mstats.ttest_rel(first, second)
    return float(t), float(p)


# %% [paired_t] reads_the_test_cell
# Looks up what the test cell expects, instead of computing it.
def paired_t(first, second):
    return t_and_p(first, second)


# %% [paired_t] subtracts_in_place
# Spares an array, and ruins the caller's.
def paired_t(first, second):
    first -= second
    t = first.mean() / (first.std(ddof=1) / np.sqrt(len(first)))
    return t, 2 * stats.t.sf(abs(t), len(first) - 1)
