# shellcheck shell=bash
# For tests/package/run: README's "Run it as a service", word for word, under a systemd that really runs.

boot_a_machine() {
    [ "$(id -u)" = 0 ] && command -v pgrep >/dev/null || return 1
    tests/package/boot "$scratch/first.deb" "$scratch/second.deb" >"$scratch/boot.log" 2>&1 &
    boot_pid=$!
    for _ in $(seq 200); do
        # boot, unshare, systemd
        init=$(pgrep -P "$(pgrep -P "$boot_pid" unshare || echo 0)" systemd || true)
        [ -n "$init" ] && inside systemctl --quiet is-active basic.target 2>/dev/null && return 0
        kill -0 "$boot_pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

switch_off() {
    [ -n "$boot_pid" ] || return 0
    kill "$boot_pid" 2>/dev/null || true
    wait "$boot_pid" 2>/dev/null || true
    boot_pid=
}

inside() {
    nsenter --target "$init" --all env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL="$LC_ALL" \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# Puts standard input into a credential, as README does.
credential() { inside install -m 0600 /dev/stdin "/etc/payoutd/credentials/$1"; }

command_beside_the_daemon() { inside env CREDENTIALS_DIRECTORY=/etc/payoutd/credentials payoutd "$@"; }

main_pid() { inside systemctl show --property MainPID --value payoutd; }

readiness() {
    inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080
        printf "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" >&3; cat <&3'
}

service_is_set_up() {
    local said
    said=$(inside dpkg -i /opt/first.deb 2>&1) || { echo "$said" >&2 && exit 1; }
    is "the installed service is neither enabled nor started" \
        "$(inside systemctl is-enabled payoutd) $(inside systemctl is-active payoutd)" "disabled inactive"
    inside systemd-run --quiet /usr/bin/payoutd sandbox --webhook http://127.0.0.1:8080/webhooks/stripe
    echo sk_test_sandbox | credential stripe_secret_key
    echo whsec_sandbox | credential stripe_webhook_secret
    head -c 32 /dev/urandom | base64 | credential cron_jwt_secret
    inside sed -i -e 's|^#api_base = .*|api_base = "http://127.0.0.1:12111"|' -e 's|^#transport = .*|transport = "file"|' \
        -e 's|^#admin_email = .*|admin_email = "ops@example.com"|' -e 's|^#from = .*|from = "payouts@example.com"|' \
        /etc/payoutd/payoutd.toml
    if inside payoutd check --help >/dev/null 2>&1; then
        holds "payoutd check, before the first start, finds nothing wrong" command_beside_the_daemon check
    fi
    holds "it is enabled and started, and says that it is ready" inside systemctl enable --now payoutd
}

service_runs() {
    says "/readyz agrees" "$(readiness)" '"ready":true'
    is "it runs as the user that the package made, under all that DynamicUser= protects by" \
        "$(inside ps -o user= -p "$(main_pid)") $(inside systemctl show --property DynamicUser --value payoutd)" "payoutd yes"
    is "the database is that user's" "$(inside stat -c '%U %a' /var/lib/payoutd/payoutd.db)" "payoutd 600"
    holds "a command of root's works beside it" command_beside_the_daemon mentor add ada --email ada@example.com
    is "and leaves every file to the daemon's user" "$(inside find /var/lib/private/payoutd ! -user payoutd)" ""
    if [ -x /usr/bin/curl ]; then
        holds "the timer's service asks for a run" inside systemctl start payoutd-release.service
    fi
    holds "it reloads" inside systemctl reload payoutd
}

service_is_upgraded_and_removed() {
    local before
    before=$(main_pid)
    holds "an upgrade of the running service" inside dpkg -i /opt/second.deb
    is "it runs" "$(inside systemctl is-active payoutd)" active
    is "and is another process than before" "$([ "$(main_pid)" != "$before" ] && echo another)" another
    says "it has its database" "$(command_beside_the_daemon mentor list)" ada@example.com
    inside systemctl stop payoutd
    holds "an upgrade of the stopped service" inside dpkg -i --force-downgrade /opt/first.deb
    is "it stays stopped" "$(inside systemctl is-active payoutd)" inactive
    inside systemctl start payoutd
    holds "a removal of the running service" inside dpkg --remove payoutd
    is "no daemon is left" "$(inside pgrep -xc payoutd)" 1 # the sandbox
    says "it stopped in good order" "$(inside journalctl -u payoutd -o cat -n 5)" stopped
    holds "a purge" inside dpkg --purge payoutd
    holds "the database is still there" inside test -s /var/lib/payoutd/payoutd.db
    is "nothing is enabled any more" "$(inside find /etc/systemd/system -name 'payoutd*')" ""
}

service_as_readme_says() {
    if ! boot_a_machine; then
        echo "    no systemd can be started here (root, namespaces and overlays): the running service is not checked"
        tail -n 1 "$scratch/boot.log" 2>/dev/null || true
        return 0
    fi
    service_is_set_up
    service_runs
    service_is_upgraded_and_removed
    switch_off
}
