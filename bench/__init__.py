"""What the program costs, each figure beside the floor that it is compared with; `make bench` runs all."""
