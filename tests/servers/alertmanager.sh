#!/bin/bash
# Alertmanager with DIRECTORY/alertmanager.yml, alone (no cluster).
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
server=$(tool prometheus-alertmanager) || fail "not installed: run tests/servers/install.sh"
arguments=(--config.file="$directory/alertmanager.yml" --storage.path="$directory/alertmanager-data"
    --web.listen-address="127.0.0.1:$port" --cluster.listen-address= --log.level=warn)
templates=/usr/share/prometheus/alertmanager/default.tmpl
if [ -e "$templates" ]; then
    serve answers /-/ready -- "$server" "${arguments[@]}"
else
    # Debian's build reads its templates from there: show it ours in a mount namespace of its own.
    private=(unshare --mount)
    [ "$(id -u)" = 0 ] || private+=(--map-root-user)
    # shellcheck disable=SC2016 # The inner shell is meant to expand these.
    serve answers /-/ready -- "${private[@]}" bash -c \
        'mount -t overlay overlay -o "lowerdir=$1:/usr/share" /usr/share && shift && exec "$@"' \
        alertmanager "$installed/monitoring/usr/share" "$server" "${arguments[@]}"
fi
