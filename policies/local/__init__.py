"""What the rules say of this machine's own provider."""
