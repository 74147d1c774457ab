"""One module for each topic, with `measure(rounds) -> list[Figure]`; `python -m bench NAME` runs one of
them."""
