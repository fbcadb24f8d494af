#!/usr/bin/env bash
# A private PostgreSQL cluster for tests, in one directory that goes away with its users.
#
#   pg_cluster.sh bin             where the server's programs are; fails with advice when there are none
#   pg_cluster.sh start DIR PID   starts it (or joins the one running there), prints its URL, and
#                                 removes it some seconds after PID, and all who joined, have ended
#   pg_cluster.sh stop DIR        removes it now
#
# PAYOUTD_PG_SETTINGS are further lines for its postgresql.conf.
#
# What happens to a server, for tests/chaos:
#
#   pg_cluster.sh down DIR HOW    ends the server and keeps its data: fast, immediate, or kill (nobody is told)
#   pg_cluster.sh up DIR          starts it again, on the same port
#   pg_cluster.sh freeze DIR      has all its processes stand still, with their sockets open
#   pg_cluster.sh thaw DIR        has them go on
#   pg_cluster.sh standby DIR PID OF
#                                 makes in DIR a standby of the cluster in OF, and starts it; prints its URL. In
#                                 synchronous_standby_names it is called "standby". What was in DIR before is gone.
#   pg_cluster.sh promote DIR     makes a standby a primary
#   pg_cluster.sh run DIR CMD...  becomes a command, as the cluster's owner
#
# It listens on loopback and on a socket in DIR, both with a password of its own. It never touches
# another server: everything it stops, it started, and knows by DIR.
set -euo pipefail

# Test processes follow each other closely; starting a cluster for each would take longer than this.
linger_seconds=5

die() {
    echo "pg_cluster: $*" >&2
    exit 1
}

find_bin() {
    local candidates=("${PAYOUTD_PG_BIN:-}") dir
    if [ -n "${PAYOUTD_PG_BIN:-}" ]; then
        [ -x "$PAYOUTD_PG_BIN/initdb" ] && [ -x "$PAYOUTD_PG_BIN/postgres" ] ||
            die "PAYOUTD_PG_BIN is $PAYOUTD_PG_BIN, which has no initdb and postgres"
    fi
    candidates+=("$(pg_config --bindir 2>/dev/null || true)")
    # The newest version first.
    while read -r dir; do candidates+=("$dir"); done \
        < <(printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -Vr)
    candidates+=("$(dirname "$(readlink -f "$(command -v initdb || true)")" 2>/dev/null || true)")
    for dir in "${candidates[@]}"; do
        if [ -n "$dir" ] && [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && [ -x "$dir/postgres" ]; then
            echo "$dir"
            return
        fi
    done
    die "no PostgreSQL server programs (initdb, pg_ctl, postgres) on this machine.
  Debian, Ubuntu: apt-get install postgresql    Fedora: dnf install postgresql-server
  or set PAYOUTD_PG_BIN to the directory that holds them. tests/run installs them by itself."
}

# initdb refuses root: then the cluster belongs to somebody without rights.
owner() {
    if [ "$(id -u)" != 0 ]; then
        id -u
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

# Runs a command as the cluster's owner, in a directory that the owner may be in.
as_owner() {
    (become_owner "$@")
}

# The same, as what becomes of this process.
become_owner() {
    local user
    user=$(owner)
    cd /
    if [ "$(id -u)" != 0 ]; then
        exec "$@"
    elif command -v setpriv >/dev/null; then
        exec setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups "$@"
    elif command -v runuser >/dev/null; then
        exec runuser -u "$user" -- "$@"
    else
        exec su -s /bin/sh "$user" -c "$(printf '%q ' "$@")"
    fi
}

is_running() {
    [ -s "$dir/url" ] && as_owner "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1
}

make_cluster() {
    local password
    rm -rf "$dir/data" "$dir/socket" "$dir/url"
    mkdir -m 700 "$dir/data" "$dir/socket"
    password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$password" >"$dir/password")
    chown "$(owner)" "$dir/data" "$dir/socket" "$dir/password"
    as_owner "$bin/initdb" -D "$dir/data" -U payoutd --pwfile="$dir/password" -A password \
        -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
        die "initdb failed: $(tail -5 "$dir/initdb.log")"
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir/socket'
max_connections = 1000
shared_buffers = 64MB
max_wal_size = 256MB
timezone = 'UTC'
log_min_messages = warning
${PAYOUTD_PG_SETTINGS:-}
CONF
    start_somewhere "$password"
}

# A port that is taken is found out by starting, and another one is tried.
start_somewhere() {
    local password=$1 port attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if start_server "$port"; then
            echo "$port" >"$dir/port"
            (umask 077 && echo "postgres://payoutd:$password@127.0.0.1:$port/postgres" >"$dir/url")
            return
        fi
        grep -q 'could not create any TCP/IP sockets' "$dir/data/server.log" ||
            die "the server did not start: $(tail -5 "$dir/data/server.log")"
    done
    die "found no free port in ten attempts"
}

start_server() {
    as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/data/server.log" -w -t 60 \
        -o "-p $1" start >"$dir/start.log" 2>&1 </dev/null 9>&-
}

# To the postmaster and what it started.
signal_all() {
    local postmaster processes
    postmaster=$(head -1 "$dir/data/postmaster.pid")
    mapfile -t processes < <(ps -o pid= --ppid "$postmaster" | tr -d ' ')
    # One that has just ended is not missed.
    as_owner kill "-$1" "$postmaster" "${processes[@]}" || true
}

down() {
    local how=$1 postmaster
    if [ "$how" != kill ]; then
        as_owner "$bin/pg_ctl" -D "$dir/data" -m "$how" -w -t 60 stop >/dev/null
        return
    fi
    postmaster=$(head -1 "$dir/data/postmaster.pid")
    # Its processes with it: those that are at work would notice its end only when they next wait.
    signal_all KILL
    while kill -0 "$postmaster" 2>/dev/null; do sleep 0.05; done
}

up() {
    # A killed server leaves its lock behind, and its memory for a moment.
    local attempt
    for attempt in 1 2 3 4 5 6 7 8 9 10; do
        start_server "$(cat "$dir/port")" && return
        sleep 0.5
    done
    die "the server did not start again: $(tail -5 "$dir/data/server.log")"
}

standby() {
    local user_pid=$1 of=$2 password
    command -v flock >/dev/null || die "needs flock (util-linux)"
    lock
    mkdir -p "$dir/users"
    chmod 711 "$dir"
    rm -rf "$dir/data" "$dir/socket" "$dir/url"
    mkdir -m 700 "$dir/data" "$dir/socket"
    chown "$(owner)" "$dir/data" "$dir/socket"
    password=$(cat "$of/password")
    cp -p "$of/password" "$dir/password"
    as_owner "$bin/pg_basebackup" -D "$dir/data" -R -c fast --no-sync \
        -d "$(cat "$of/url")?application_name=standby" >"$dir/basebackup.log" 2>&1 ||
        die "no copy of the primary: $(tail -5 "$dir/basebackup.log")"
    echo "unix_socket_directories = '$dir/socket'" >>"$dir/data/postgresql.conf"
    if [ -s "$dir/port" ]; then
        start_server "$(cat "$dir/port")" || die "the standby did not start: $(tail -5 "$dir/data/server.log")"
        echo "postgres://payoutd:$password@127.0.0.1:$(cat "$dir/port")/postgres" >"$dir/url"
    else
        start_somewhere "$password"
        setsid "$self" watch "$dir" >/dev/null 2>&1 </dev/null 9>&- &
    fi
    : >"$dir/users/$user_pid"
    cat "$dir/url"
}

remove_cluster() {
    if [ -f "$dir/data/postmaster.pid" ]; then
        as_owner "$bin/pg_ctl" -D "$dir/data" -m immediate -w -t 20 stop >/dev/null 2>&1 || true
    fi
    rm -rf "$dir/data" "$dir/socket" "$dir/users" "$dir/url" "$dir/port" "$dir/password" "$dir"/*.log
    rmdir "$dir" 2>/dev/null || true
    rm -f "$dir.lock"
}

somebody_uses_it() {
    local user
    for user in "$dir"/users/*; do
        [ -e "$user" ] || continue
        if kill -0 "${user##*/}" 2>/dev/null; then return 0; fi
        rm -f "$user"
    done
    return 1
}

# Held through descriptor 9. The file goes away with the cluster, so whoever waited for a lock that
# is no longer there takes the new one.
lock() {
    while :; do
        exec 9>"$dir.lock"
        flock 9
        [ "/dev/fd/9" -ef "$dir.lock" ] && return
    done
}

# Outlives whoever started it, also a killed one, and cleans up behind the last user.
watch() {
    while sleep "$linger_seconds"; do
        [ -d "$dir/users" ] || exit 0
        somebody_uses_it && continue
        sleep "$linger_seconds"
        lock
        if ! somebody_uses_it; then
            remove_cluster
            exit 0
        fi
        exec 9>&-
    done
}

start() {
    local user_pid=$1
    command -v flock >/dev/null || die "needs flock (util-linux)"
    lock
    mkdir -p "$dir"
    [ -O "$dir" ] && [ ! -L "$dir" ] || die "$dir belongs to somebody else"
    # The owner must get through to its data; what is secret inside has its own mode.
    chmod 711 "$dir"
    as_owner test -x "$dir" || die "$(owner) cannot enter $dir: choose a directory under /tmp"
    mkdir -p "$dir/users"
    if ! is_running; then
        make_cluster
        setsid "$self" watch "$dir" >/dev/null 2>&1 </dev/null 9>&- &
    fi
    : >"$dir/users/$user_pid"
    cat "$dir/url"
}

self=$(readlink -f "$0")
action=${1:-}
case "$action" in
bin) find_bin ;;
start | stop | watch | down | up | freeze | thaw | standby | promote | run)
    dir=${2:?DIR}
    case "$dir" in /*) ;; *) die "DIR must be an absolute path" ;; esac
    bin=$(find_bin)
    case "$action" in
    start) start "${3:?PID}" ;;
    stop)
        lock
        remove_cluster
        ;;
    watch) watch ;;
    down) down "${3:?HOW}" ;;
    up) up ;;
    freeze) signal_all STOP ;;
    thaw) signal_all CONT ;;
    standby) standby "${3:?PID}" "${4:?OF}" ;;
    promote) as_owner "$bin/pg_ctl" -D "$dir/data" -w -t 60 promote >/dev/null ;;
    run)
        shift 2
        become_owner "$@"
        ;;
    esac
    ;;
*) die "unknown action '$action': bin, start, stop, down, up, freeze, thaw, standby, promote or run" ;;
esac
