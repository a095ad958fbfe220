"""The decisions about payments in question, and about payers who are excluded or let in again."""
