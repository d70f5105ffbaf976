# One image for every process of Forsa: `forsa migrate`, `forsa serve`, `forsa project`, … (see docker-compose.yml).
FROM python:3.11.14-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONPATH=/app
WORKDIR /app

COPY requirements.txt ./
RUN pip install --require-hashes --only-binary :all: -r requirements.txt

COPY . ./
RUN python -m compileall -q domain projections api runtime \
 && printf '#!/bin/sh\nexec python -m runtime.cli "$@"\n' > /usr/local/bin/forsa \
 && chmod 755 /usr/local/bin/forsa \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin forsa \
 && install -d -m 700 -o forsa /var/lib/forsa

USER forsa
EXPOSE 8000 9100
CMD ["forsa", "serve"]
