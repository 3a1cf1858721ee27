"""What an environment was, from a plan, a rendered folder, a cluster or a preview of Pulumi's."""
