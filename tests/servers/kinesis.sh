#!/bin/bash
# kinesis-local. It listens on all interfaces, and on one port more (TLS): run it in a network namespace of its own.
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
program=$installed/kinesis/node_modules/kinesis-local
[ -f "$program/main.js" ] || fail "not installed: run tests/servers/install.sh"
cd "$program" || exit
serve answers /healthcheck -- env KINESIS_MOCK_PLAIN_PORT="$port" KINESIS_MOCK_TLS_PORT="${3:-$((port + 1))}" SHARD_LIMIT=500 \
    CREATE_STREAM_DURATION=10ms DELETE_STREAM_DURATION=10ms LOG_LEVEL=WARN node main.js
