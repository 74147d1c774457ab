"""Background work: queues of open work, and the loop that processes them."""
