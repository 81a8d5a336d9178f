"""Data sets made of others by cropping or covering their crops; always marked synthetic."""
