"""What people see: cards and the words on them."""
