#!/usr/bin/env bash
# Prepares a checkout: .venv, the jars, the compiled Java helper. With `peers`, also the servers the tests talk to.
# Each step is skipped when what it was made from has not changed.
set -euo pipefail
cd "$(dirname "$0")/.."

STAMPS=.venv/.stamps
PYENV_VERSIONS=${PYENV_ROOT:-$HOME/.pyenv}/versions

say() { printf 'setup: %s\n' "$*" >&2; }

retry() {
    local try
    for try in 1 2 3; do
        "$@" && return
        say "attempt $try of 3 failed: $*"
        sleep $((try * 2))
    done
    return 1
}

# Shows what a command said only when it fails.
quietly() {
    local said
    said=$("$@" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
}

# step NAME COMMAND FILES...: runs the command unless the files are what they were when it last succeeded.
step() {
    local stamp=$STAMPS/$1 command=$2 digest
    shift 2
    digest=$(find "$@" -type f -print0 | sort -z | xargs -0 sha256sum)
    [[ -f $stamp && $(<"$stamp") == "$digest" ]] && return
    "$command"
    mkdir -p "$STAMPS"
    printf '%s' "$digest" >"$stamp"
}

# --- system packages -----------------------------------------------------------------------------------------------

java_major() { { "${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1 || true; } | sed -n 's/.* version "\([0-9]*\).*/\1/p'; }
has_jdk() { [[ $(java_major) -ge 17 ]] && { [[ -x ${JAVA_HOME:-}/bin/javac ]] || command -v javac >/dev/null; }; }
has_maven() { command -v mvn >/dev/null; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null; }
has_mariadb() { command -v mariadbd >/dev/null || [[ -x /usr/sbin/mariadbd || -x /usr/libexec/mariadbd ]]; }
has_s3270() { command -v s3270 >/dev/null; }

# What is missing of a group, as package names of Debian and of RHEL.
missing_core() {
    has_jdk || echo "default-jdk-headless java-17-openjdk-devel"
    has_maven || echo "maven maven"
}

missing_peers() {
    has_postgres || echo "postgresql postgresql-server"
    has_mariadb || echo "mariadb-server mariadb-server"
    has_s3270 || echo "s3270 x3270-text"
}

can_apt() { [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; }

apt_install() {
    say "installing $*"
    # The tests start their own servers: a package must not start one.
    if [[ ! -e /usr/sbin/policy-rc.d ]]; then
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
        chmod +x /usr/sbin/policy-rc.d
    fi
    retry apt-get -qq update
    DEBIAN_FRONTEND=noninteractive retry apt-get -qq -y --no-install-recommends install "$@" >/dev/null
}

system_packages() {
    local debian=() rhel=() name other
    while read -r name other; do
        debian+=("$name") rhel+=("$other")
    done < <("missing_$1")
    [[ ${#debian[@]} -eq 0 ]] && return
    can_apt && apt_install "${debian[@]}" && [[ -z $("missing_$1") ]] && return
    say "missing system packages. Install them and run this again:"
    say "  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${debian[*]}"
    say "  RHEL, Fedora:    sudo dnf install ${rhel[*]}"
    return 1
}

# --- Python --------------------------------------------------------------------------------------------------------

# A pyenv shim that refuses to run is not an interpreter, nor is one that cannot make environments.
usable() { "$1" -c 'import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in python3.14 python3.13 python3.12 python3 \
        $(compgen -G "$PYENV_VERSIONS/3.*/bin/python3" | sort -rV); do
        usable "$candidate" && { echo "$candidate"; return; }
    done
    return 1
}

find_or_install_python() {
    find_python && return
    if can_apt && [[ $(apt-cache policy python3 | sed -n 's/.*Candidate: 3\.\([0-9]*\).*/\1/p') -ge 12 ]]; then
        apt_install python3 python3-venv
        find_python && return
    fi
    say "no Python >= 3.12 that runs and has venv was found. Install one and run this again:"
    say "  Debian >= 13, Ubuntu >= 24.04:  sudo apt-get install python3 python3-venv"
    say "  RHEL, Fedora:                   sudo dnf install python3.12"
    say "  elsewhere:                      pyenv install 3.13"
    return 1
}

# Whoever is interrupted leaves one without pip, or with a part of it: its RECORD is written last.
finished() { usable .venv/bin/python && compgen -G '.venv/lib/python3*/site-packages/pip-*.dist-info/RECORD' >/dev/null; }

environment() {
    local python
    finished && return
    python=$(find_or_install_python)
    say "making .venv with $("$python" -V)"
    rm -rf .venv
    "$python" -m venv .venv
}

install_python() {
    say "installing the Python packages"
    retry .venv/bin/python -m pip --disable-pip-version-check -q install -c constraints.txt -e '.[all,dev]'
}

# --- Java ----------------------------------------------------------------------------------------------------------

install_jars() {
    say "resolving the jars"
    rm -rf jars/lib jars/broker jars/peers
    retry quietly mvn -B -q -f jars/pom.xml -P broker,peers generate-resources
}

# A JVM that cannot do this starts brokers all the same, in more time.
prepare_brokers() {
    quietly .venv/bin/python -c 'from bridge.testing.kafka import prepare; prepare()' \
        || say "brokers will start slowly"
}

# The tests start hundreds of processes, and not everywhere does Python write bytecode by itself.
compile_python() { .venv/bin/python -m compileall -q bridge connectors; }

compile_reader() { .venv/bin/python jars/compile_reader.py; }

# --- C -------------------------------------------------------------------------------------------------------------

# Without a compiler, Python does the same in more time.
compile_native() {
    rm -f bridge/native/native.lib
    command -v "${CC:-cc}" >/dev/null || return 0
    quietly .venv/bin/python -m bridge.native.compile || say "Python encodes and sends, which takes more time"
}

system_packages core
if [[ ${1:-} == peers ]]; then
    system_packages peers || say "until then the tests that need them are skipped"
fi
environment
[[ -d jars/lib && -d jars/broker && -d jars/peers ]] || rm -f $STAMPS/jars
[[ -f connectors/jdbc/reader.jar && -f connectors/sap_rfc/clients/jco.jar ]] || rm -f $STAMPS/reader
[[ -f bridge/native/native.lib ]] || rm -f $STAMPS/native
[[ -d jars/broker/formatted ]] || rm -f $STAMPS/brokers
# At once: neither needs the other, and both wait for the network.
step python install_python pyproject.toml constraints.txt hatch_build.py & python=$!
step jars install_jars jars/pom.xml & jars=$!
wait $python
wait $jars
step brokers prepare_brokers jars/pom.xml & brokers=$!
step reader compile_reader jars/src jars/compile_reader.py
step native compile_native bridge/native/*.c bridge/native/compile.py
compile_python
wait $brokers
