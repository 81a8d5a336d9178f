"""Trackers take their embeddings from the service. No tracker is imported: each adapter speaks its tracker's shapes."""
