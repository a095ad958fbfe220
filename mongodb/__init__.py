"""Our additions to MongoDB's Django backend: transactions, documents, fixes of the query compiler, and migrations."""
