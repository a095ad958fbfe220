"""The admin's pages of a user: the account's sessions, shows and payments, and deactivating the account."""
