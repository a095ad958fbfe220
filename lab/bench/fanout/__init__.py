"""`bench fanout`: from a show's start to the last viewer's acknowledged event, also while Pusher and workers fail."""
