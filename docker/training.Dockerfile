# Training, evaluation and export, on a GPU where the host lends one (--gpus all) and on the CPU otherwise.
# From the repository's root:
#   docker build -f docker/training.Dockerfile -t pgfl-kd-reid:training .
#   docker run --rm --gpus all --shm-size 2g -v DATA_SETS:/datasets:ro -v RUNS:/runs pgfl-kd-reid:training \
#     fit --dataset market1501 --data /datasets/Market-1501 --output /runs/first
# Export the result with the same image: --entrypoint python … -m export /runs/first/last.pt /runs/model.onnx
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS environment
ARG REQUIREMENTS=requirements-training.txt
COPY docker/${REQUIREMENTS} /tmp/requirements.txt
RUN --mount=type=secret,id=pipconf,target=/etc/pip.conf \
    --mount=type=secret,id=cabundle,target=/run/secrets/ca.pem \
    python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-deps --only-binary :all: \
    -r /tmp/requirements.txt

FROM ${BASE_IMAGE} AS sources
WORKDIR /app
COPY LICENSE NOTICE ./
COPY reid_contract reid_contract
COPY training training
COPY export export
RUN python -m compileall -q -j 0 .
COPY pyproject.toml /tmp/
RUN version=$(sed -n 's/^version = "\(.*\)"/\1/p' /tmp/pyproject.toml) \
 && mkdir "pgfl_kd_reid-$version.dist-info" \
 && printf 'Metadata-Version: 2.1\nName: pgfl-kd-reid\nVersion: %s\n' "$version" \
    > "pgfl_kd_reid-$version.dist-info/METADATA"

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="PGFL-KD training" \
      org.opencontainers.image.description="Trains, evaluates and exports occluded person re-identification models." \
      org.opencontainers.image.licenses="Apache-2.0"

RUN groupadd --gid 10001 reid \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin reid \
 && install -d -o reid -g reid -m 0755 /runs
COPY --from=environment /opt/venv /opt/venv
COPY --from=sources /app /app

WORKDIR /runs
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
VOLUME /runs
USER 10001:10001
ENTRYPOINT ["python", "-m", "training"]
CMD ["--help"]
