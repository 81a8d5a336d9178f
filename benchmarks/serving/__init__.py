"""How fast the service is beside the bare model and beside LitServe, and what it does when it is full."""
