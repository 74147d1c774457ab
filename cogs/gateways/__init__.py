"""The rules' Discord ports: members' roles and messages."""
