"""All architectures of the course, one family a file. Open the file that you need: a model is a plain `nn.Module`."""
