"""The Discord face: what a person typed becomes a use case, what came of it becomes a card."""
