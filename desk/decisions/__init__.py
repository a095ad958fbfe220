"""The decisions about payments: payments in question, and payers to be excluded or let in again."""
