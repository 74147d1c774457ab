"""Rules without I/O, for access, roles, charges and the brake. Each is a pure function of its arguments."""
