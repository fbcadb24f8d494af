# shellcheck shell=bash
# For tests/package/run: how a check is told, and how packages get into the scratch root.

say() { printf -- '-- %s\n' "$*"; }

# holds WHAT COMMAND...: the command must succeed; what it printed is shown when it does not.
holds() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok  $what"
    else
        printf 'NOT %s\n    %s\n%s\n' "$what" "$*" "$output" >&2
        exit 1
    fi
}

# is WHAT FOUND EXPECTED
is() {
    if [ "$2" = "$3" ]; then
        echo "ok  $1"
    else
        printf 'NOT %s\nfound:    %s\nexpected: %s\n' "$1" "$2" "$3" >&2
        diff <(echo "$3") <(echo "$2") >&2 || true
        exit 1
    fi
}

# says WHAT TEXT WORDS: the words are in the text.
says() {
    case $2 in
    *"$3"*) echo "ok  $1" ;;
    *)
        printf 'NOT %s: no "%s" in:\n%s\n' "$1" "$3" "$2" >&2
        exit 1
        ;;
    esac
}

gone() { [ ! -e "$1" ] && [ ! -L "$1" ]; }

# A root with an empty package database. Maintainer scripts run outside of it and are told where it is (DPKG_ROOT), so
# nothing needs to be copied into it.
new_root() {
    root=$1
    mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/triggers" "$root/etc"
    : >"$root/var/lib/dpkg/status"
}

# dpkg's own settings of this machine (such as leaving documentation out) are not ours: path-include takes them back.
package() {
    "${as_root[@]}" dpkg --root="$root" --log="$scratch/dpkg.log" --force-script-chrootless --force-depends \
        --path-include='/*' "$@"
}

# The installed program, as root would call it beside the daemon.
payoutd() {
    env -i PATH="$PATH" HOME="$scratch" TMPDIR="$scratch" USER=operator LC_ALL="$LC_ALL" \
        STATE_DIRECTORY="$root/var/lib/payoutd" CREDENTIALS_DIRECTORY="$root/etc/payoutd/credentials" \
        "$root/usr/bin/payoutd" --config "$root/etc/payoutd/payoutd.toml" "$@"
}

mentors() { payoutd mentor list --json; }

# posted PATH BODY: what the sandbox answers, without a need for curl.
posted() {
    local address=${stripe#http://}
    exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
    printf 'POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s' \
        "$1" "$address" "${#2}" "$2" >&3
    cat <&3
    exec 3<&-
}
