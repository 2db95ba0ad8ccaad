# The app with a model server of its own, for machines with NVIDIA's GPUs. `./trimaran image build --variant gpu`; docs/images.md explains it.
#
# BASE               NVIDIA's CUDA runtime on Ubuntu 24.04, by digest; or any Debian or Ubuntu with Python 3.11 or later among its packages
# ENGINE             vllm or litserve: requirements/engine-<engine>.txt
# CUDA               13, or 12 for older drivers, such as those of Cloud Run's L4 (535); for 12 PACKAGES must be given
# PACKAGES           words for pip in place of the requirements file: another wheel of the engine and where it is
# WEIGHTS            none, aws, gcp or azure: whose bucket the app reads weights from
# SOURCE_DATE_EPOCH VERSION REVISION CREATED BASE_NAME BASE_DIGEST  as in app.Dockerfile
ARG BASE

FROM ${BASE} AS system
ARG SOURCE_DATE_EPOCH
COPY containers/gpu.sh /
RUN ["sh", "-eu", "/gpu.sh"]

FROM system AS installer
ARG SOURCE_DATE_EPOCH
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
RUN ["python3", "-m", "venv", "/pip"]
COPY containers/install.sh containers/engine.sh /

# Gigabytes, and the same until the engine's version changes. Not among the app's packages: vLLM wants versions that the app refuses.
FROM installer AS engine
ARG ENGINE=vllm
ARG CUDA=13
ARG PACKAGES=
COPY requirements/engine-*.txt /requirements/
RUN --mount=type=secret,id=certificates sh -eu /engine.sh /opt/engine ${ENGINE} ${CUDA} ${PACKAGES}

FROM installer AS dependencies
ARG WEIGHTS=none
COPY requirements/app*.txt /requirements/
RUN --mount=type=secret,id=certificates sh -eu /install.sh /opt/dependencies /requirements/app.txt
RUN --mount=type=secret,id=certificates \
    case ${WEIGHTS} in none) set -- ;; *) set -- "/requirements/app-${WEIGHTS}.txt" ;; esac; sh -eu /install.sh /opt/variant "$@"

FROM installer AS app
COPY app /srv/app
COPY catalog/__init__.py catalog/models.py /srv/catalog/
COPY catalog/retirements/__init__.py catalog/retirements/dates.py catalog/retirements/routes.py \
    catalog/retirements/dates.csv catalog/retirements/aliases.csv /srv/catalog/retirements/
RUN ["sh", "-eu", "/install.sh", "/srv"]

FROM system
COPY --from=engine /opt/engine /opt/engine
COPY --from=dependencies /opt/dependencies /opt/dependencies
COPY --from=dependencies /opt/variant /opt/variant
ARG ENGINE=vllm
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/engine/bin \
    LANG=C.UTF-8 \
    HOME=/tmp \
    PYTHONPATH=/srv:/opt/dependencies:/opt/variant:/opt/engine/packages \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    TRIMARAN_HOST=0.0.0.0 \
    TRIMARAN_PORT=8000 \
    TRIMARAN_ENGINE=${ENGINE} \
    TRIMARAN_DATA_DIR=/var/lib/trimaran \
    HF_HOME=/var/lib/trimaran/hub \
    VLLM_CACHE_ROOT=/var/lib/trimaran/vllm \
    TRITON_CACHE_DIR=/var/lib/trimaran/triton \
    TORCHINDUCTOR_CACHE_DIR=/var/lib/trimaran/inductor \
    FLASHINFER_WORKSPACE_BASE=/var/lib/trimaran/flashinfer \
    CUDA_CACHE_PATH=/var/lib/trimaran/cuda
# As numbers: a cluster that refuses root cannot look a name up.
USER 10001:10001
# Weights and what is compiled for them; a volume that is mounted here outlives the container.
VOLUME ["/tmp", "/var/lib/trimaran"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["python3", "-m", "app.live"]
ENTRYPOINT ["python3", "-m", "app.main"]
ARG CUDA=13
ARG WEIGHTS=none
ARG VARIANT=gpu
ARG VERSION
ARG REVISION
ARG CREATED
ARG BASE_NAME
ARG BASE_DIGEST
LABEL org.opencontainers.image.title=trimaran \
    org.opencontainers.image.description="The app of Trimaran with a model server of its own" \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.version=${VERSION} \
    org.opencontainers.image.revision=${REVISION} \
    org.opencontainers.image.created=${CREATED} \
    org.opencontainers.image.base.name=${BASE_NAME} \
    org.opencontainers.image.base.digest=${BASE_DIGEST} \
    trimaran.variant=${VARIANT} \
    trimaran.engine=${ENGINE} \
    trimaran.weights=${WEIGHTS} \
    trimaran.cuda=${CUDA}
COPY --from=app /srv /srv
