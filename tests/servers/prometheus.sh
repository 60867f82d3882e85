#!/bin/bash
# Prometheus with DIRECTORY/prometheus.yml.
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
server=$(tool prometheus) || fail "not installed: run tests/servers/install.sh"
serve answers /-/ready -- "$server" --config.file="$directory/prometheus.yml" --storage.tsdb.path="$directory/prometheus-data" \
    --web.listen-address="127.0.0.1:$port" --storage.tsdb.min-block-duration=2h --log.level=warn
