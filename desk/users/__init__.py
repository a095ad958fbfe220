"""The pages of a user in the admin: what hangs on the account, and deactivating it."""
