"""`make demo`: a service with a filled gallery, in one command."""
