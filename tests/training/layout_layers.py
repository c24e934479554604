"""Run by test_layout.py in a process of its own: it may crash. Prints each layer with a wrong gradient, then "done".

The layers of all models, at tiny widths and at those that the course trains, in the layout that `fit` would take; then
a model with a layer that crashes, trained by `fit`.
"""

import importlib
import inspect
import pkgutil

import torch
from torch import nn

from course_lib import models, training
from course_lib.models.autoencoders import ResidualUNet
from course_lib.training.layout import memory_format

# oneDNN writes past its memory in some of these (kernel 1, stride 2), with AVX2 or with AVX-512
KNOWN = [(nn.Conv2d, n, 8, (1, 1), (2, 2), (0, 0), (1, 1), 1) for n in (1, 2, 4, 7, 8, 15, 16)]
KNOWN += [(nn.ConvTranspose2d, 8, n, (1, 1), (2, 2), (0, 0), (1, 1), 1) for n in (1, 4, 15, 16)]


def all_layers():
    """One (class, settings) for all convolutions of all models that can be made without arguments."""
    found = set()
    for info in pkgutil.iter_modules(models.__path__):
        if info.ispkg:
            continue
        module = importlib.import_module(f"{models.__name__}.{info.name}")
        for kind in vars(module).values():
            if not (isinstance(kind, type) and issubclass(kind, nn.Module) and kind.__module__ == module.__name__):
                continue
            parameters = inspect.signature(kind).parameters
            if any(parameter.default is parameter.empty for parameter in parameters.values()):
                continue  # a part of a model
            for width in (2, 4, None) if "width" in parameters else (None,):
                try:
                    model = kind() if width is None else kind(width=width)
                except ValueError:  # so few features that its normalisation has no groups
                    assert width == 2
                    continue
                for layer in model.modules():
                    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                        found.add((type(layer), *settings(layer)))
    return found


def settings(layer):
    shape = layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding
    return *shape, layer.dilation, layer.groups


def gradients(layer, image):
    image = image.detach().requires_grad_()
    layer.zero_grad()
    found = layer(image)
    found.square().mean().backward()
    return found, image.grad, layer.weight.grad


def check(kind, inputs, outputs, kernel, stride, padding, dilation, groups, size, repeats):
    torch.manual_seed(0)
    make = lambda: kind(inputs, outputs, kernel, stride, padding, dilation=dilation, groups=groups)  # noqa: E731
    layer, exact = make(), make().double()
    exact.load_state_dict(layer.state_dict())
    count, rows, columns = size
    image = torch.rand(count, inputs, rows, columns)
    expected = gradients(exact, image.double().contiguous())
    layout = memory_format(nn.Sequential(nn.Conv2d(1, 1, 3), layer), "cpu")
    layer.to(memory_format=layout)
    for _ in range(repeats):
        for a, b in zip(gradients(layer, image.contiguous(memory_format=layout)), expected, strict=True):
            difference = float((a - b).detach().abs().max() / b.detach().abs().max())
            if not difference < 1e-3:
                print(f"{kind.__name__}{inputs, outputs, kernel, stride, padding, dilation, groups}: {difference:.2g}")
                return


for layer in KNOWN:
    for size, repeats in ((8, 12, 12), 50), ((32, 64, 64), 3):
        check(*layer, size, repeats)
for layer in sorted(all_layers(), key=str):
    wide = layer[1] * layer[2] > 1000
    check(*layer, (2, 8, 8) if wide else (8, 12, 12), 2 if wide else 5)

training.fit(
    ResidualUNet(width=4), torch.rand(8, 1, 24, 24), loss=nn.functional.mse_loss, epochs=3, batch_size=8,
    progress=False, device="cpu",
)  # fmt: skip
print("done")
