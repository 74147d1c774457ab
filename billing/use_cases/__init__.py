"""Use cases: each module holds one thing that a person or a provider can ask for. Ports come as arguments."""
