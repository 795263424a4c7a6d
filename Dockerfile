# The sidecar, `spanglass serve`, from the project's own wheel. Needs nothing but Python; runs as a user who owns nothing
# but the store.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir "$(echo /wheels/*.whl)[server]" \
    && useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin spanglass \
    && install -d -o 10001 -g 10001 -m 0700 /var/lib/spanglass
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SPANGLASS_STATE_DIR=/var/lib/spanglass
USER 10001:10001
VOLUME /var/lib/spanglass
EXPOSE 8088 4319
ENTRYPOINT ["spanglass"]
CMD ["serve", "--host", "0.0.0.0", "--jaeger", "http://localhost:16686"]
