#!/bin/sh
# Installs the servers that the tests start: real ones from package registries, pinned, into tests/servers/.installed.
# Nothing is installed system-wide (except, as root, an interpreter that is missing) and no service is started.
# A second run finds everything in place and takes no time. A part that cannot be had is named at the end; the tests
# that need it are skipped and say so, or fail where TRAILBRAKE_REQUIRE_SERVERS=1.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
installed=${TRAILBRAKE_SERVERS:-$here/.installed}
missing=""
mkdir -p "$installed" || { echo "install: cannot make $installed" >&2; exit 1; }

say() { printf 'install: %s\n' "$*"; }

# An interpreter of the machine: as root it is installed if it is missing.
need() { # COMMAND PACKAGE
    command -v "$1" >/dev/null 2>&1 && return 0
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "$1 is missing: installing Debian's $2"
        lists && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null && return 0
    fi
    echo "install: $1 is missing and could not be installed" >&2
    echo "hint: install it (Debian: apt-get install $2) and run this again" >&2
    return 1
}

lists() {
    [ -e "$installed/.lists" ] && return 0
    if [ "$(id -u)" = 0 ]; then apt-get update -qq || return 1; fi
    : > "$installed/.lists"
}

# A part is in place when its stamp holds the sum of everything that decides what it is.
part() { # NAME FUNCTION FILE-OR-WORD…
    name=$1 make=$2
    shift 2
    sum=$(for of in "$@"; do if [ -f "$of" ]; then cat "$of"; else echo "$of"; fi; done | cksum)
    if [ "$(cat "$installed/.$name" 2>/dev/null)" = "$sum" ]; then
        say "$name: in place"
        return 0
    fi
    say "$name: installing"
    started=$(date +%s)
    if "$make" > "$installed/$name.log" 2>&1; then
        printf '%s\n' "$sum" > "$installed/.$name"
        say "$name: done in $(($(date +%s) - started)) s"
    else
        tail -n 15 "$installed/$name.log" >&2
        echo "install: $name: failed (all of it in $installed/$name.log)" >&2
        missing="$missing $name"
    fi
}

# MiniStack and moto: stand-ins for AWS whose IAM enforces.
emulators() {
    need python3 python3-venv || return 1
    rm -rf "$installed/emulators"
    python3 -m venv "$installed/emulators" || {
        echo "hint: python3 lacks the module venv (Debian: apt-get install python3-venv)"
        return 1
    }
    "$installed/emulators/bin/pip" install -q --disable-pip-version-check --only-binary :all: -r "$here/requirements.txt"
}

# kinesis-local: Kinesis with shards that close, split and have parents.
kinesis() {
    need node nodejs && need npm npm || return 1
    mkdir -p "$installed/kinesis"
    cp "$here/package.json" "$here/package-lock.json" "$installed/kinesis/"
    npm ci --prefix "$installed/kinesis" --ignore-scripts --no-audit --no-fund --loglevel=error
}

# Apache Kafka: the broker's own jars.
kafka() {
    need java openjdk-17-jre-headless && need mvn maven || return 1
    rm -rf "$installed/kafka"
    mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$installed/kafka"
}

# Prometheus and Alertmanager, with promtool and amtool, unpacked from Debian's packages.
monitoring() {
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "hint: without apt-get, put prometheus, promtool, prometheus-alertmanager and amtool on PATH"
        for tool in prometheus promtool prometheus-alertmanager amtool; do command -v "$tool" || return 1; done
        return 0
    fi
    lists
    rm -rf "$installed/monitoring" && mkdir -p "$installed/monitoring/packages" && cd "$installed/monitoring/packages" || return 1
    apt-get download prometheus prometheus-alertmanager || {
        echo "hint: as root, run apt-get update and this again"
        return 1
    }
    for package in ./*.deb; do dpkg-deb -x "$package" "$installed/monitoring" || return 1; done
    rm -rf "$installed/monitoring/packages"
}

# libfaketime, unpacked from Debian's package: a wall clock that runs fast.
faketime() {
    lists
    rm -rf "$installed/faketime" && mkdir -p "$installed/faketime/packages" && cd "$installed/faketime/packages" || return 1
    apt-get download libfaketime || {
        echo "hint: as root, run apt-get update and this again"
        return 1
    }
    dpkg-deb -x ./*.deb "$installed/faketime" && rm -rf "$installed/faketime/packages"
}

# strace: a disk that refuses to be written, for one process.
tracing() { need strace strace; }

# toxiproxy, built: a proxy that delays, cuts or swallows what passes.
toxiproxy() {
    need go golang-go || return 1
    # Another part may have left a directory that it removed.
    (cd "$here" && GOBIN="$installed/toxiproxy" go install "github.com/Shopify/toxiproxy/v2/cmd/server@$toxiproxy_version")
}
toxiproxy_version=v2.5.0

part emulators emulators "$here/requirements.txt"
part kinesis kinesis "$here/package-lock.json"
part kafka kafka "$here/kafka/pom.xml"
part monitoring monitoring debian-packages-1
part faketime faketime debian-packages-1
part strace tracing debian-packages-1
part toxiproxy toxiproxy "$toxiproxy_version"

if [ -n "$missing" ]; then
    echo "install: not to be had here:$missing" >&2
    exit 1
fi
say "everything is in place"
