"""Physics of GPU memory: weights, keys and values, activations, overhead, sharding."""
