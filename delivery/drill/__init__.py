"""What becomes of an app's answers while a provider is away: it is taken away on purpose, under load, and given back."""
