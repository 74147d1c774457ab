"""The rules of Dues: what is paid decides what is had. Imports the standard library and itself."""
