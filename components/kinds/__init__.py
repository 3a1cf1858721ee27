"""What a Kubernetes manifest says, a file a family: the only place that takes manifests apart, whoever wrote them."""
