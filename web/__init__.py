"""The HTTP face: notifications in, health out, and one small page."""
