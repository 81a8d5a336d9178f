import os

from service.cpus import usable_cpus

# Libraries read these once, when they are imported. ONNX Runtime reports its use over the network unless told before;
# OpenMP and BLAS count the machine's cores, of which a container may use a few.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OMP_NUM_THREADS", str(usable_cpus()))
