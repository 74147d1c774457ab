# Dues in a container: docs/install.md, "In a container". For linux/amd64 and linux/arm64.
# The first stage installs the locked packages, wheels with known hashes and nothing else, and compiles
# everything, as the program's folder is read-only later. A test plays these steps without a container.
ARG PYTHON=3.13-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /dues
COPY requirements.lock ./
RUN python -m pip install --quiet --no-cache-dir --disable-pip-version-check --root-user-action ignore --no-compile --require-hashes --only-binary :all: --target packages --requirement requirements.lock
COPY LICENSE pyproject.toml *.py ./
COPY billing billing
COPY cogs cogs
COPY db db
COPY i18n i18n
COPY providers providers
COPY web web
RUN python -m compileall -q --invalidation-mode unchecked-hash . && chmod -R a+rX,go-w .

FROM python:${PYTHON}
ENV PYTHONPATH=/dues/packages PYTHONDONTWRITEBYTECODE=1
ENV DATABASE_URL=sqlite:////data/ledger.db HTTP_HOST=0.0.0.0 HTTP_PORT=8080 LOG_FORMAT=json
RUN install -d -o 10001 -g 10001 -m 700 /data
COPY --from=build /dues /dues
WORKDIR /dues
USER 10001:10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-I", "-S", "-c", "import http.client, os, sys; line = http.client.HTTPConnection('127.0.0.1', int(os.environ['HTTP_PORT']), timeout=4); line.request('GET', '/healthz'); sys.exit(line.getresponse().status != 200)"]
ENTRYPOINT ["python", "bot.py"]
