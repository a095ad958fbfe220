"""`bench fanout`: from a show's start to the last viewer's acknowledged event, in good weather and in bad."""
