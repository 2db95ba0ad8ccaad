"""How much the app costs between a caller and a backend: beside bare pass-through servers, in one run. See README.md here."""
