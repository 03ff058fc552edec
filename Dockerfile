# docker build -t legacy-bridge .
# docker run -v ./config:/etc/legacy-bridge:ro -v ./drivers:/usr/share/legacy-bridge/jars:ro legacy-bridge
# Progress is kept in Kafka: the container has no volume that must survive. /var/lib/legacy-bridge holds caches.

FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends default-jdk-headless gcc libc6-dev
WORKDIR /src
COPY pyproject.toml hatch_build.py constraints.txt README.md CHANGELOG.md LICENSE ./
COPY jars ./jars
COPY bridge ./bridge
COPY connectors ./connectors
RUN python -m venv /opt/legacy-bridge \
 && /opt/legacy-bridge/bin/pip install --no-cache-dir -c constraints.txt '.[all]' \
 && cd / && CC=gcc /opt/legacy-bridge/bin/python -m bridge.native.compile \
 && /opt/legacy-bridge/bin/pip uninstall -y pip

FROM python:3.13-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends default-jre-headless s3270 \
 && rm -rf /var/lib/apt/lists/* \
 && python -m pip uninstall -y pip \
 && useradd --system --no-create-home --shell /usr/sbin/nologin legacy-bridge \
 && install -d -o legacy-bridge -g legacy-bridge -m 0750 /run/legacy-bridge \
 && install -d -o legacy-bridge -g legacy-bridge -m 0700 /var/lib/legacy-bridge \
 && install -d /usr/share/legacy-bridge/jars /etc/legacy-bridge
COPY --from=build /opt/legacy-bridge /opt/legacy-bridge
ENV PATH=/opt/legacy-bridge/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    RUNTIME_DIRECTORY=/run/legacy-bridge \
    STATE_DIRECTORY=/var/lib/legacy-bridge
USER legacy-bridge
STOPSIGNAL SIGTERM
# 1 is WARNING: worth a look, and no reason to replace the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD legacy-bridge health || [ $? -eq 1 ]
ENTRYPOINT ["legacy-bridge"]
CMD ["run", "/etc/legacy-bridge/bridge.yaml"]
