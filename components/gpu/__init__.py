"""GKE clusters, GPU node pools and compute classes."""
