"""Scripts that the project's builders run; the program needs none of them."""
