"""What X may look like: shapes and checks, without a network."""
