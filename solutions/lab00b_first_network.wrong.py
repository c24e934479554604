# Named wrong answers of lab 00b: each is a real misconception and loses just its exercise. See CONTRIBUTING.md.
#
# What the tests try, beside the example:
# neuron: one example, one number, a negative sum with a bias, negative numbers; more numbers than examples, as many; whole numbers, in place
# one_layer: square and other matrices, one neuron, a second bias of 0, in place
# gradient_step: too small, right and negative answers, batches of one, two and three, in place
# convolve: kernels of one row, tall images, stride 2 and 3, padding of 1 and 2, a last place that lies outside, whole pixels, in place

# %% [neuron] calls_the_library
# Calls the function that the exercise builds.
def neuron(x, weights, bias):
    return pieces.neuron(x, weights, bias)


# %% [neuron] no_relu
# Forgets the activation: a negative sum stays negative.
edit("np.maximum(x @ weights + bias, 0)", "x @ weights + bias")


# %% [neuron] bias_after_the_relu
# Adds the bias to what the ReLU gives.
edit("np.maximum(x @ weights + bias, 0)", "np.maximum(x @ weights, 0) + bias")


# %% [neuron] relu_of_every_product
# Cuts each product before they are added.
edit("np.maximum(x @ weights + bias, 0)", "np.maximum(x * weights, 0).sum(1) + bias")


# %% [neuron] one_sum_for_all
# Adds up all examples.
edit("x @ weights + bias", "(x * weights).sum() + bias")


# %% [neuron] absolute_value
# Takes the ReLU for the absolute value.
edit("np.maximum(x @ weights + bias, 0)", "np.abs(x @ weights + bias)")


# %% [neuron] sigmoid
# Takes the other activation.
edit("np.maximum(x @ weights + bias, 0)", "1 / (1 + np.exp(-(x @ weights + bias)))")


# %% [neuron] bias_for_each_number
# Adds the bias to each number before it is weighted.
edit("x @ weights + bias", "(x + bias) @ weights")


# %% [neuron] format_of_x
# Makes the result in the format of x: of whole numbers it keeps whole numbers only.
def neuron(x, weights, bias):
    result = np.zeros_like(x[:, 0])
    for i, row in enumerate(x):
        result[i] = max(0, row @ weights + bias)
    return result


# %% [neuron] in_place
# Multiplies the given numbers by the weights in place: the next neuron sees others.
def neuron(x, weights, bias):
    x *= weights
    return np.maximum(x.sum(axis=1) + bias, 0)


# %% [one_layer] calls_the_library
# Calls the function that the exercise builds.
def one_layer(weights1, bias1, weights2, bias2):
    return pieces.one_layer(weights1, bias1, weights2, bias2)


# %% [one_layer] forgets_the_first_bias
# Thinks that only the second bias is left.
edit("weights2 @ bias1 + bias2", "bias2")


# %% [one_layer] adds_the_biases
# Adds the first bias as it is: it passes through the second layer.
edit("weights2 @ bias1 + bias2", "bias1 + bias2")


# %% [one_layer] adds_the_biases_where_they_fit
# Adds the first bias as it is, or its sum where the sizes differ.
edit("weights2 @ bias1 + bias2", "(bias1 if bias1.shape == bias2.shape else bias1.sum()) + bias2")


# %% [one_layer] in_reading_order
# Multiplies in the order in which the layers come: matrices are applied from the right.
edit("weights2 @ weights1,", "weights1 @ weights2,")


# %% [one_layer] in_reading_order_where_it_fits
# Multiplies in the order of the layers where the sizes let it.
edit("weights2 @ weights1,", "weights1 @ weights2 if weights1.shape == weights2.shape else weights2 @ weights1,")


# %% [one_layer] transposed
# Returns the weights with a column for each neuron.
edit("weights2 @ weights1,", "(weights2 @ weights1).T,")


# %% [one_layer] adds_the_weights
# Thinks that layers in a row add up.
edit("weights2 @ weights1,", "weights2.sum(1, keepdims=True) + weights1.sum(0, keepdims=True),")


# %% [one_layer] in_place
# Adds to the second bias in place: the second layer is another one afterwards.
def one_layer(weights1, bias1, weights2, bias2):
    bias2 += weights2 @ bias1
    return weights2 @ weights1, bias2


# %% [gradient_step] calls_the_library
# Calls the function that the exercise builds.
def gradient_step(weight, bias, x, target, rate):
    return pieces.gradient_step(weight, bias, x, target, rate)


# %% [gradient_step] uphill
# Follows the gradient: the loss grows.
edit("weight - rate", "weight + rate")
edit("bias - rate", "bias + rate")


# %% [gradient_step] sums_over_the_batch
# Adds the slopes of the examples: the step grows with the batch.
edit("np.mean(2 * error * x)", "np.sum(2 * error * x)")
edit("np.mean(2 * error)", "np.sum(2 * error)")


# %% [gradient_step] forgets_the_two
# Takes the error for the slope of its square.
edit("np.mean(2 * error * x)", "np.mean(error * x)")
edit("np.mean(2 * error)", "np.mean(error)")


# %% [gradient_step] forgets_the_input
# Gives weight and bias the same slope: the chain rule's factor x is missing.
edit("2 * error * x", "2 * error")


# %% [gradient_step] bias_with_the_new_weight
# Changes the weight first, and takes the slope of the bias at the new weight.
def gradient_step(weight, bias, x, target, rate):
    weight = weight - rate * np.mean(2 * (weight * x + bias - target) * x)
    bias = bias - rate * np.mean(2 * (weight * x + bias - target))
    return weight, bias


# %% [gradient_step] mean_before_the_product
# Multiplies the mean error by the mean input.
edit("np.mean(2 * error * x)", "2 * np.mean(error) * np.mean(x)")


# %% [gradient_step] bias_stays
# Thinks that only weights learn.
edit("bias - rate * np.mean(2 * error)", "bias")


# %% [gradient_step] one_step_each
# Returns a new weight for each example.
edit("np.mean(2 * error * x)", "(2 * error * x)")
edit("np.mean(2 * error)", "(2 * error)")


# %% [gradient_step] first_example_only
# Learns from the first example of the batch.
edit("error = weight", "x, target = x[:1], target[:1]\n    error = weight")


# %% [gradient_step] in_place
# Subtracts the answer from the targets in place: right once, then the examples are others.
def gradient_step(weight, bias, x, target, rate):
    target -= weight * x + bias
    return weight + rate * np.mean(2 * target * x), bias + rate * np.mean(2 * target)


# %% [convolve] calls_the_library
# Calls the function that the exercise builds.
def convolve(image, kernel, stride=1, padding=0):
    return pieces.convolve(image, kernel, stride, padding)


# %% [convolve] mirrors_the_kernel
# Follows the mathematician's convolution, which mirrors the kernel.
edit("wide] * kernel", "wide] * kernel[::-1, ::-1]")


# %% [convolve] ignores_the_stride
# Moves on by one pixel, whatever the stride.
edit("row * stride, column * stride", "row, column")


# %% [convolve] every_pixel_is_a_place
# Divides the size by the stride and forgets that the kernel needs room: the last places see less.
edit(
    "(image.shape[0] - high) // stride + 1, (image.shape[1] - wide) // stride + 1",
    "image.shape[0] // stride, image.shape[1] // stride",
)
edit("* kernel", "* kernel[: image.shape[0] - top, : image.shape[1] - left]")


# %% [convolve] forgets_the_last_place
# Counts the steps between the places, one less than there are places.
edit("(image.shape[0] - high) // stride + 1", "(image.shape[0] - high) // stride")


# %% [convolve] pads_below_only
# Puts the zeros below and to the right only.
edit("np.pad(image, padding)", "np.pad(image, (0, padding))")


# %% [convolve] repeats_the_border
# Repeats the border instead of adding zeros.
edit("np.pad(image, padding)", "np.pad(image, padding, mode='edge')")


# %% [convolve] takes_the_largest
# Takes the largest product: that is nearer to pooling.
edit("np.sum(", "np.max(")


# %% [convolve] relu
# Puts a ReLU behind it, which is a layer of its own.
edit("    return answer", "    return np.maximum(answer, 0)")


# %% [convolve] square_kernels_only
# Uses the height of the kernel for both sides.
edit("high, wide = kernel.shape", "high = wide = kernel.shape[0]")


# %% [convolve] rows_and_columns_swapped
# Returns the answer with its axes swapped.
edit("    return answer", "    return answer.T")


# %% [convolve] format_of_the_image
# Makes the result in the format of the image: whole pixels give whole numbers only.
def convolve(image, kernel, stride=1, padding=0):
    image = np.pad(image, padding)
    h, w = kernel.shape
    rows, columns = (image.shape[0] - h) // stride + 1, (image.shape[1] - w) // stride + 1
    result = np.zeros((rows, columns), dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            result[i, j] = (image[i * stride : i * stride + h, j * stride : j * stride + w] * kernel).sum()
    return result


# %% [convolve] half_a_kernel_of_zeros
# Puts as many zeros around the image as keep its size, whatever `padding` says.
edit("np.pad(image, padding)", "np.pad(image, kernel.shape[0] // 2 if padding else 0)")
