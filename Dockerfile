# One image for every role; ROLES says which of them a container plays (default: all).
# bin/lib/dockerfile-steps performs the same steps without a container engine: change both together.

FROM python:3.13-slim AS build
COPY requirements.txt /
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements.txt

FROM python:3.13-slim
RUN useradd --uid 10001 --home-dir /data --no-create-home enterprise && install -d -o enterprise -g enterprise /data
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m compileall -q . && SECRET_KEY=only-to-collect DATA_DIR=/tmp/build python manage.py collectstatic --noinput && rm -rf /tmp/build

# Models, keys and, on the embedded defaults, the database.
ENV DATA_DIR=/data HOST=0.0.0.0 PORT=5002
VOLUME /data
EXPOSE 5002
USER enterprise
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "bin/lib/healthcheck.py"]
CMD ["python", "manage.py", "serve", "--empty"]
