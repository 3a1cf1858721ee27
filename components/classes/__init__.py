"""The Pulumi classes, a file a domain. The only folder of the library that knows Pulumi."""
