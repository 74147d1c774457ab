"""What every command and view builds on: interactions, components, permissions, the start."""
