"""`bench chaos`: runs the product under load while processes are killed or frozen, and other faults happen."""
