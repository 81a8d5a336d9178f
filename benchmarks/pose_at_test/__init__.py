"""Threads of numpy and faiss go to sleep when they are done: spinning, they would slow what is timed next."""

import os

os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # both are read once, when the library is loaded
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
