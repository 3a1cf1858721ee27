"""Charts the cluster needs: installed by the stack, or found present."""
