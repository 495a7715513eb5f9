"""Initial clusters and what becomes of clusters: partitions, merging, heads, priors, repair."""
