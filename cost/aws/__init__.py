"""What AWS bills: one file a family of resources, with a table of its types and without a price in it."""
