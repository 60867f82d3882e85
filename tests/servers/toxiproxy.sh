#!/bin/bash
# toxiproxy without a proxy yet: these are made over its API, at PORT.
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
server=$installed/toxiproxy/server
[ -x "$server" ] || fail "not installed: run tests/servers/install.sh"
serve answers /version -- "$server" -host 127.0.0.1 -port "$port"
