"""How a network runs over X: devices, precision, batches, stored arrays, processes."""
