"""How a network is trained: the loop of a phase, regularisers, epochs, what a fit has changed."""
