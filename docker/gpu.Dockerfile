# The service on an NVIDIA GPU: docker/Dockerfile with onnxruntime-gpu and NVIDIA's own wheels of CUDA and cuDNN on the
# same small base. The host brings the driver and its container toolkit. From the repository's root:
#   docker build -f docker/gpu.Dockerfile -t pgfl-kd-reid:gpu .
# On a network with its own package index or certificates:
#   docker build --secret id=pipconf,src=pip.conf --secret id=cabundle,src=ca.pem …
ARG BASE_IMAGE=python:3.11-slim-bookworm

# The environment: exactly the locked packages, without pip and their tests.
FROM ${BASE_IMAGE} AS environment
ARG REQUIREMENTS=requirements-gpu.txt
COPY docker/${REQUIREMENTS} /tmp/requirements.txt
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    --mount=type=secret,id=cabundle,target=/run/secrets/ca.pem \
    python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --only-binary :all: \
    -r /tmp/requirements.txt
RUN site=$(echo /opt/venv/lib/python3*/site-packages) \
 && find "$site" -type d -name tests -prune -exec rm -r {} +

# The sources, compiled, because the root file system is read-only when they run, and their version for /model.
FROM ${BASE_IMAGE} AS sources
WORKDIR /app
COPY LICENSE NOTICE ./
COPY reid_contract reid_contract
COPY gallery_index gallery_index
COPY service service
RUN python -m compileall -q -j 0 .
COPY pyproject.toml /tmp/
RUN version=$(sed -n 's/^version = "\(.*\)"/\1/p' /tmp/pyproject.toml) \
 && mkdir "pgfl_kd_reid-$version.dist-info" \
 && printf 'Metadata-Version: 2.1\nName: pgfl-kd-reid\nVersion: %s\n' "$version" \
    > "pgfl_kd_reid-$version.dist-info/METADATA"

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="PGFL-KD re-identification service, GPU" \
      org.opencontainers.image.description="Embeds crops of people and searches galleries of them, over HTTP." \
      org.opencontainers.image.licenses="Apache-2.0"

# Data is the service's own: a new volume takes over the owner of the folder that it covers.
RUN groupadd --gid 10001 reid \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin reid \
 && install -d -o reid -g reid -m 0750 /data
COPY --from=environment /opt/venv /opt/venv
ARG MODEL=models/market1501.onnx
COPY ${MODEL} /app/${MODEL}
COPY --from=sources /app /app

WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    REID_PROVIDERS='["cuda"]' \
    REID_HOST=0.0.0.0 \
    REID_PORT=8000 \
    REID_MODEL=/app/${MODEL} \
    REID_GALLERY=file:/data \
    REID_KEYS=/data/keys.json
VOLUME /data
EXPOSE 8000
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-m", "service.healthcheck"]
ENTRYPOINT ["python", "-m", "service"]
