"""How the rules are judged on AWS: a file a topic, each with a table of checks by type, and what cannot break a rule."""
