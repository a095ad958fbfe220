"""The admin's pages of a user, with the account's sessions, shows and payments, and its deactivation."""
