"""One thing a person or a provider can ask for, one async function a file; ports come as arguments."""
