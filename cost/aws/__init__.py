"""What AWS bills: one file a family of resources, without a price in it."""
