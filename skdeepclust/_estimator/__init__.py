"""What an estimator is: its base, its parameters, its labels, what it shows of itself."""
