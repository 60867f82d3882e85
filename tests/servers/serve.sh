#!/bin/bash
# Sourced by the start scripts. A start script takes PORT and DIRECTORY, starts one server on 127.0.0.1, prints
# `ready PORT PID` once it answers, and ends it again when its own standard input closes or its time is over: so no
# server outlives the test that started it, even one that was killed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
installed=${TRAILBRAKE_SERVERS:-$here/.installed}
seconds_max=${TRAILBRAKE_SERVER_SECONDS:-1800}
port=${1:?usage: $(basename "$0") PORT DIRECTORY}
directory=${2:?usage: $(basename "$0") PORT DIRECTORY}
name=$(basename "$0" .sh)
mkdir -p "$directory"
# Its own folder for temporary files: nothing of one run is found by another.
export TMPDIR=$directory

fail() {
    echo "$name: $*" >&2
    exit 1
}

# Where a tool is: unpacked by install.sh, or on PATH.
tool() {
    if [ -x "$installed/monitoring/usr/bin/$1" ]; then echo "$installed/monitoring/usr/bin/$1"; else command -v "$1"; fi
}

# Whether something listens on the port.
listens() {
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

# Whether an HTTP server answers this path with a status of 200.
answers() {
    local status
    exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3
    read -r -t 5 status <&3 || return 1
    exec 3>&-
    [[ $status == *" 200 "* ]]
}

# serve READY-CHECK… -- COMMAND…
serve() {
    local check=() pid waited=0
    while [ "$1" != -- ]; do check+=("$1") && shift; done
    shift
    if listens; then fail "port $port is taken"; fi
    "$@" </dev/null >"$directory/$name.log" 2>&1 &
    pid=$!
    # Not every server heeds a polite signal, and none has anything to lose.
    trap 'kill -9 '"$pid"' 2>/dev/null || true; wait '"$pid"' 2>/dev/null || true' EXIT
    trap 'exit 1' INT TERM
    until ("${check[@]}") 2>/dev/null; do
        kill -0 "$pid" 2>/dev/null || { tail -n 20 "$directory/$name.log" >&2 && fail "ended before it was ready"; }
        waited=$((waited + 1))
        [ "$waited" -lt 600 ] || { tail -n 20 "$directory/$name.log" >&2 && fail "not ready after 60 s"; }
        sleep 0.1
    done
    echo "ready $port $pid"
    while [ "$SECONDS" -lt "$seconds_max" ] && kill -0 "$pid" 2>/dev/null; do
        # Ends with 1 when standard input is closed, and above 128 when a second has passed.
        read -r -t 1 _ || [ $? -gt 128 ] || break
    done
}
