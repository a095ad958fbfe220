"""The page of a payer of a show, which explains why the payer was let in or not."""
