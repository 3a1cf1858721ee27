"""Where a model's files come from: caches, downloads, disks, images, and the Hub's token."""
