"""What differs between two snapshots: which fields, of which resource, and what becomes of it."""
