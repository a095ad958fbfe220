"""What a person has to decide about payments: those in question, and a payer who has to go or may come back."""
