"""The Discord side of Dues: runs a use case for each command or button, and shows its result as a card."""
