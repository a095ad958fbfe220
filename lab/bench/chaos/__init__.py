"""`bench chaos`: runs the product under load, and kills its processes and MongoDB at random."""
