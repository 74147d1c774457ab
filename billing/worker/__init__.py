"""The work that goes on by itself: queues of open work, and the loop that takes it up."""
