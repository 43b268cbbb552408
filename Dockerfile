FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.lock ./
# The image holds the pinned packages and the relay itself; nothing is built where it runs.
RUN python -m venv /relay && /relay/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app ./app
COPY workers ./workers
RUN /relay/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --create-home --uid 10001 relay
COPY --from=build /relay /relay
ENV PATH=/relay/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER relay
WORKDIR /home/relay
EXPOSE 8000 8001
CMD ["uvicorn", "--factory", "app.ingest:application", "--host", "0.0.0.0", "--port", "8000", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--no-server-header", "--no-proxy-headers"]
