"""The rules' Discord ports, for members' roles and for messages."""
