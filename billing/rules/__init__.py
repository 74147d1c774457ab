"""Rules without I/O: access, roles, charges, the brake. Each is a pure function of its arguments."""
