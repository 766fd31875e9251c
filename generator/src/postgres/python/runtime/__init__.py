"""How the provider reads its database: for reading only, within limits."""
