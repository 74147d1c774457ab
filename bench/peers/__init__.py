"""Programs that others run, under the same load."""
