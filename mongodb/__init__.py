"""Our additions to MongoDB's backend for Django: transactions, documents, repairs of its query compiler, migrations."""
