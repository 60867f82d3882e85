#!/bin/bash
# moto's server. Enforcement is switched on by POST /moto-api/reset-auth with the text `0`.
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
server=$installed/emulators/bin/moto_server
[ -x "$server" ] || fail "not installed: run tests/servers/install.sh"
serve answers /moto-api/ -- "$server" -H 127.0.0.1 -p "$port"
