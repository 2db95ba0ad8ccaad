"""A promotion as people see it: live in the terminal, as a page, as Markdown."""
