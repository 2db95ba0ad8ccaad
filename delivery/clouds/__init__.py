"""What the commands do in each cloud's account."""
