"""A new version takes traffic only when it answers as well as the old one: the commands, their stages, the record."""
