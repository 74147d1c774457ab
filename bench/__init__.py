"""Performance measurements, each compared with a floor measured in the same round; `make bench` runs all."""
