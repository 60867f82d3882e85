#!/bin/bash
# MiniStack with authentication on: IAM, STS and EC2 that enforce. First credentials: test / test.
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
server=$installed/emulators/bin/ministack
[ -x "$server" ] || fail "not installed: run tests/servers/install.sh"
serve listens -- env AUTH=true SERVICES=iam,sts,ec2 IOT_MTLS_ENABLED=0 BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" LOG_LEVEL=WARNING "$server"
