"""What the shipped model finds among real people, and what the method adds to its Baseline."""
