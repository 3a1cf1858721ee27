"""The sections of a stack, a file each: what it says of the others, its parts, and what its entries are called."""
