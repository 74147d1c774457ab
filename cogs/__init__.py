"""The Discord side of Dues: turns a person's input into a use case, and its result into a card."""
