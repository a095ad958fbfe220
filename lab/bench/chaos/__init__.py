"""`bench chaos`: the product under load while its processes, and MongoDB, are killed at random."""
