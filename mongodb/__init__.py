"""Our additions to MongoDB's Django backend: transactions, documents, fixes for the query compiler, and migrations."""
