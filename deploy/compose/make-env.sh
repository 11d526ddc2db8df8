#!/bin/sh
# Makes what compose.yaml wants beside it: .env with secrets that nobody else has, and the file for Prometheus' key. To be run once, before
# the first `docker compose up`; it leaves what is there as it is, for MySQL and Grafana keep the passwords of their first start.
set -eu
cd "$(dirname "$0")"

if [ -e .env ]; then
  echo "There is a .env here already; it stays as it is." >&2
else
  secret() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
  umask 077
  # Beside its place first, so that what was cut off does not count.
  {
    echo "CARILLON_SERVICE_SECRET=$(secret)"
    echo "MYSQL_PASSWORD=$(secret)"
    echo "MYSQL_ROOT_PASSWORD=$(secret)"
    echo "GRAFANA_PASSWORD=$(secret)"
  } > .env.new
  mv .env.new .env
fi

# Prometheus reads the file as another user than its owner; on this machine the folder keeps others away.
mkdir -p secrets
chmod 700 secrets
if [ ! -e secrets/prometheus-key ]; then
  : > secrets/prometheus-key
  chmod 644 secrets/prometheus-key
fi
