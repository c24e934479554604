"""What a network is made of, in numpy: a neuron, layers in a row, one step of learning, a convolution (lab 00b)."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from course_lib._checks import check_count, check_image, check_number


def neuron(x: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    """One neuron with a ReLU: `max(0, w·x + b)` of each row.

    Args:
        x: (N, n) numbers, a row an example.
        weights: (n,), one for each number.
        bias: added to the weighted sum.

    Returns:
        (N,), each at least 0.

    Raises:
        TypeError, ValueError: no floating-point arrays, or sizes that do not fit.

    Source: Rosenblatt 1958 (with a step); Nair and Hinton 2010 (with the ReLU).
    Lab: 00b.
    """
    check_image(x, "x")
    check_image(weights, "weights")
    if x.ndim != 2 or weights.shape != x.shape[1:]:
        raise ValueError(f"expected x of shape (N, n) and n weights, got {x.shape} and {weights.shape}")
    return np.maximum(x @ weights + bias, 0)


def one_layer(
    weights1: np.ndarray, bias1: np.ndarray, weights2: np.ndarray, bias2: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The one layer that computes the same as two with nothing between them: W2 (W1 x + b1) + b2 = W x + b.

    Args:
        weights1, bias1: of the layer that sees the input, (h, n) and (h,).
        weights2, bias2: of the layer that sees the first, (m, h) and (m,).

    Returns:
        W = W2 W1, (m, n), and b = W2 b1 + b2, (m,).

    Raises:
        ValueError: sizes that do not fit.

    Lab: 00b.
    """
    if weights1.shape[:1] != bias1.shape or weights2.shape != (*bias2.shape, len(bias1)):
        shapes = ", ".join(str(part.shape) for part in (weights1, bias1, weights2, bias2))
        raise ValueError(f"expected (h, n), (h,), (m, h) and (m,), got {shapes}")
    return weights2 @ weights1, weights2 @ bias1 + bias2


def gradient_step(weight: float, bias: float, x: np.ndarray, target: np.ndarray, rate: float) -> tuple[float, float]:
    """One step downhill for a linear neuron with one input: the loss is the mean of `(w·x + b - target)²`.

    Args:
        weight, bias: before the step.
        x, target: (N,), the batch.
        rate: learning rate.

    Returns:
        Weight and bias after the step.

    Raises:
        ValueError: x and target of unequal shape.

    Source: Cauchy 1847; as backpropagation through many layers Rumelhart, Hinton and Williams 1986.
    Lab: 00b.
    """
    if x.shape != target.shape:
        raise ValueError(f"x and target: expected the same shape, got {x.shape} and {target.shape}")
    error = weight * x + bias - target
    return float(weight - rate * np.mean(2 * error * x)), float(bias - rate * np.mean(2 * error))


def convolve(image: np.ndarray, kernel: np.ndarray, stride: int = 1, padding: int = 0) -> np.ndarray:
    """Slide a kernel over an image, as a convolutional layer does: at each place the sum of the products.

    The kernel is not mirrored: what networks call a convolution is a cross-correlation.

    Args:
        image: (H, W).
        kernel: (h, w).
        stride: pixels from one place to the next.
        padding: rows and columns of zeros around the image first.

    Returns:
        ((H + 2·padding - h) // stride + 1, (W + 2·padding - w) // stride + 1).

    Raises:
        TypeError, ValueError: no images, or a kernel larger than the padded image.

    Source: LeCun et al. 1989.
    Lab: 00b.
    """
    check_image(image)
    check_image(kernel, "kernel")
    stride, padding = check_count(stride, "stride"), int(check_number(padding, "padding", low=0))
    padded = np.pad(image, padding)
    if image.ndim != 2 or kernel.ndim != 2 or any(np.array(padded.shape) < kernel.shape):
        raise ValueError(f"expected an image of at least the kernel's size, got {padded.shape} and {kernel.shape}")
    places = sliding_window_view(padded, kernel.shape)[::stride, ::stride]  # (H', W', h, w)
    found: np.ndarray = np.einsum("ijkl,kl->ij", places, kernel)
    return found
