"""How the provider gets its values: requests, credentials, limits."""
