"""The mixtures of the initial clusters beside scikit-learn's."""
