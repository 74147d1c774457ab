"""Cards and their texts, as people see them in Discord."""
