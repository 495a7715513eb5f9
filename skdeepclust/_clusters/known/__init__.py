"""What is known of samples before a fit, and what to ask for."""
