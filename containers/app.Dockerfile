# The app's image for every target. `./trimaran image build` gives these arguments; docs/images.md explains them.
# The last stage is the image for all but Lambda, which has a stage of its own.
#
# BASE               a Debian or python image with the module venv, by digest
# VARIANT            slim, lambda (which has no packages on top either), or a requirements/app-<variant>.txt
# SOURCE_DATE_EPOCH  the time of every file. One for all builds: with a commit's own time every layer would change with every commit
# VERSION REVISION CREATED BASE_NAME BASE_DIGEST  for the labels
ARG BASE

# The base without what the app never calls. Below it is copied into an image that has no history, so what is deleted is in no layer.
FROM ${BASE} AS system
ARG SOURCE_DATE_EPOCH
COPY containers/slim.sh /
RUN ["sh", "-eu", "/slim.sh"]

# pip, in a stage of which only the results are kept.
FROM ${BASE} AS installer
ARG SOURCE_DATE_EPOCH
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
RUN ["python3", "-m", "venv", "/pip"]
COPY containers/install.sh /

FROM installer AS dependencies
COPY requirements/app.txt /requirements/
RUN --mount=type=secret,id=certificates sh -eu /install.sh /opt/dependencies /requirements/app.txt

FROM installer AS variant
ARG VARIANT
COPY requirements/app-*.txt /requirements/
RUN --mount=type=secret,id=certificates \
    case ${VARIANT} in slim | lambda) set -- ;; *) set -- "/requirements/app-${VARIANT}.txt" ;; esac; sh -eu /install.sh /opt/variant "$@"

FROM installer AS app
COPY app /srv/app
COPY catalog/__init__.py catalog/models.py /srv/catalog/
COPY catalog/retirements/__init__.py catalog/retirements/dates.py catalog/retirements/routes.py \
    catalog/retirements/dates.csv catalog/retirements/aliases.csv /srv/catalog/retirements/
RUN ["sh", "-eu", "/install.sh", "/srv"]

# A program in Rust, built from its package. Only the stage `lambda` needs it, so only that waits for it.
FROM ${BASE} AS adapter
ARG SOURCE_DATE_EPOCH
COPY containers/adapter.sh /
RUN --mount=type=secret,id=certificates sh -eu /adapter.sh /opt/extensions

FROM scratch AS common
COPY --from=system / /
COPY --from=dependencies /opt/dependencies /opt/dependencies
COPY --from=variant /opt/variant /opt/variant
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 \
    HOME=/tmp \
    PYTHONPATH=/srv:/opt/dependencies:/opt/variant \
    PYTHONSAFEPATH=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRIMARAN_HOST=0.0.0.0 \
    TRIMARAN_PORT=8000 \
    TRIMARAN_DATA_DIR=/tmp/trimaran
# As numbers: a cluster that refuses root cannot look a name up.
USER 10001:10001
VOLUME /tmp
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["python3", "-m", "app.live"]
ENTRYPOINT ["python3", "-m", "app.main"]
ARG VARIANT
ARG VERSION
ARG REVISION
ARG CREATED
ARG BASE_NAME
ARG BASE_DIGEST
LABEL org.opencontainers.image.title=trimaran \
    org.opencontainers.image.description="The app of Trimaran: one API in front of many models" \
    org.opencontainers.image.licenses=Apache-2.0 \
    org.opencontainers.image.version=${VERSION} \
    org.opencontainers.image.revision=${REVISION} \
    org.opencontainers.image.created=${CREATED} \
    org.opencontainers.image.base.name=${BASE_NAME} \
    org.opencontainers.image.base.digest=${BASE_DIGEST} \
    trimaran.variant=${VARIANT}

# Lambda starts what lies in /opt/extensions beside the app, and asks for no health check.
FROM common AS lambda
COPY --from=adapter /opt/extensions /opt/extensions
ENV TRIMARAN_ENTRYPOINT=lambda \
    AWS_LWA_PORT=8080 \
    AWS_LWA_READINESS_CHECK_PATH=/health/ready \
    AWS_LWA_INVOKE_MODE=response_stream
HEALTHCHECK NONE
COPY --from=app /srv /srv

FROM common AS server
COPY --from=app /srv /srv
