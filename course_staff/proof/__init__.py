"""`course check`: solution full, stub 0, every named wrong answer loses just its points."""
