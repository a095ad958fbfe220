"""The page of a payer of a show: it answers "she has paid, why wasn't she let in?"."""
