"""`bench fanout`: how long it takes to tell all payers of a show's start, and whether all are told despite failures."""
