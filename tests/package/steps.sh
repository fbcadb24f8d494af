# shellcheck shell=bash
# For tests/package/run: the steps, in the order of a package's life.

have_cargo_deb() {
    PATH=$tools/bin:$PATH
    if [ "$(cargo-deb --version 2>/dev/null)" != "cargo-deb $cargo_deb_version" ]; then
        echo "installing cargo-deb $cargo_deb_version into $tools"
        cargo install --quiet --locked --debug --version "$cargo_deb_version" --root "$tools" cargo-deb
    fi
    is "cargo-deb is at hand" "$(cargo-deb --version)" "cargo-deb $cargo_deb_version"
}

# make_package FILE [OPTION...]. The dev profile is not what anybody ships; it has been compiled already.
make_package() {
    local file=$1
    shift
    cargo build --quiet
    holds "cargo deb makes $(basename "$file")" cargo deb --quiet --profile dev --no-build --no-strip --no-dbgsym \
        --no-separate-debug-symbols --fast --output "$file" "$@"
}

# Each line: mode, owner, path. Whatever else is in the package, or lacks there, is an error.
expected_contents() {
    local page
    cat <<'FILES'
-rw-r--r-- 0/0 ./etc/payoutd/payoutd.toml
-rwxr-xr-x 0/0 ./usr/bin/payoutd
-rw-r--r-- 0/0 ./usr/lib/systemd/system/payoutd-release.service
-rw-r--r-- 0/0 ./usr/lib/systemd/system/payoutd-release.timer
-rw-r--r-- 0/0 ./usr/lib/systemd/system/payoutd.service
-rw-r--r-- 0/0 ./usr/lib/sysusers.d/payoutd.conf
-rw-r--r-- 0/0 ./usr/share/bash-completion/completions/payoutd
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/CHANGELOG.md
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/README.md
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/copyright
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/examples/builder_sessions.toml
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/examples/discuno.toml
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/examples/fx_orleans.toml
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/examples/humanchat.toml
-rw-r--r-- 0/0 ./usr/share/doc/payoutd/examples/mentorship.toml
-rw-r--r-- 0/0 ./usr/share/fish/vendor_completions.d/payoutd.fish
-rw-r--r-- 0/0 ./usr/share/zsh/vendor-completions/_payoutd
FILES
    for page in packaging/man/*.1; do
        echo "-rw-r--r-- 0/0 ./usr/share/man/man1/$(basename "$page").gz"
    done
}

contents_are_right() {
    local list
    list=$(dpkg-deb -c "$1" | awk '{ print $1, $2, $6 }')
    is "its files, their modes and owners" "$(grep -v '^d' <<<"$list" | sort)" "$(expected_contents | sort)"
    is "its directories are root's, 0755" "$(grep '^d' <<<"$list" | grep -cv '^drwxr-xr-x 0/0 ' || true)" 0
    is "the configuration is its conffile" "$(dpkg-deb -I "$1" conffiles)" /etc/payoutd/payoutd.toml
    says "what the program links to is in Depends" "$(dpkg-deb -f "$1" Depends)" "libc6 (>= "
    says "the copyright names both licences" \
        "$(dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/doc/payoutd/copyright)" "License: MIT or Apache-2.0"
    if command -v shellcheck >/dev/null; then
        holds "shellcheck has nothing to say" shellcheck packaging/debian/{postinst,prerm,postrm} packaging/refresh
    fi
}

install_first() {
    local said
    said=$(package --install "$scratch/first.deb" 2>&1) || { echo "$said" >&2 && exit 1; }
    is "it is installed" "$(package -s payoutd | grep '^Status')" "Status: install ok installed"
    says "it says that nothing runs yet, and what comes next" "$said" "does not run yet. What comes next"
    is "nothing is enabled" "$(find "$root/etc/systemd" -type l 2>/dev/null)" ""
    is "the directories of secrets and state are there, for their owner alone" \
        "$(stat -c %a "$root/etc/payoutd/credentials" "$root/var/lib/payoutd" | tr '\n' ' ')" "700 700 "
    if command -v systemd-sysusers >/dev/null; then
        says "the user payoutd is there, without a shell" "$(grep ^payoutd: "$root/etc/passwd")" ":/usr/sbin/nologin"
    else
        says "without systemd-sysusers it says so" "$said" "systemd-sysusers is not there"
    fi
    holds "and once more changes nothing" package --install "$scratch/first.deb"
}

completed() {
    bash --norc -c 'source "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2))
        _payoutd payoutd "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; echo "${COMPREPLY[*]}"' \
        completed "$root/usr/share/bash-completion/completions/payoutd" "$@"
}

manual_and_completions_work() {
    local share=$root/usr/share page
    if command -v man >/dev/null; then
        for page in "$share"/man/man1/*.gz; do
            is "man has no complaint about $(basename "$page" .gz)" "$(man --warnings -l "$page" 2>&1 >/dev/null)" ""
        done
        says "man shows the exit codes" "$(MANWIDTH=100 man -l "$share/man/man1/payoutd.1.gz" | cat)" "EXIT STATUS"
    else
        echo "    man is not there: the pages' form is not checked"
    fi
    holds "bash reads its completions" bash -n "$share/bash-completion/completions/payoutd"
    says "bash completes a command" "$(completed payoutd expl)" explain
    says "bash completes a nested command" "$(completed payoutd mentor a)" add
    says "bash completes an option" "$(completed payoutd run --dry)" --dry-run
    if command -v zsh >/dev/null; then
        holds "zsh reads its completions" zsh -n "$share/zsh/vendor-completions/_payoutd"
    fi
    if command -v fish >/dev/null; then
        holds "fish reads its completions" fish -n "$share/fish/vendor_completions.d/payoutd.fish"
    fi
}

start_sandbox() {
    local said=$scratch/sandbox.log
    : >"$said"
    "$root/usr/bin/payoutd" sandbox --listen 127.0.0.1:0 >"$said" 2>&1 &
    sandbox_pid=$!
    for _ in $(seq 100); do
        stripe=$(grep -om1 'http://127\.0\.0\.1:[0-9]*' "$said" || true)
        [ -n "$stripe" ] && break
        sleep 0.1
    done
    says "the installed program's sandbox listens" "$stripe" http://127.0.0.1:
}

# What README tells an operator to do, with the sandbox for Stripe.
configure_as_an_operator() {
    local credentials=$root/etc/payoutd/credentials
    local said code=0
    said=$(payoutd serve 2>&1) || code=$?
    is "unconfigured, the daemon refuses with the code for that" "$code" 3
    says "and names what is missing" "$said" STRIPE_SECRET_KEY
    echo sk_test_sandbox | install -m 0600 /dev/stdin "$credentials/stripe_secret_key"
    echo whsec_sandbox | install -m 0600 /dev/stdin "$credentials/stripe_webhook_secret"
    sed -i -e "s|^#api_base = .*|api_base = \"$stripe\"|" -e 's|^#transport = .*|transport = "file"|' \
        -e 's|^#admin_email = .*|admin_email = "ops@example.com"|' -e 's|^#from = .*|from = "payouts@example.com"|' \
        -e "s|^#file_dir = .*|file_dir = \"$root/var/lib/payoutd/mail\"|" "$root/etc/payoutd/payoutd.toml"
}

use_the_program() {
    local account report
    is "it says its version" "$(payoutd --version)" "payoutd ${first_version%-*}"
    says "it makes its database" "$(payoutd migrate)" ran
    account=$(posted /_sandbox/accounts '{}' | grep -om1 'acct_[A-Za-z0-9]*')
    holds "a mentor is added" payoutd mentor add ada --account "$account" --email ada@example.com --name 'Ada Mentor'
    says "and shown" "$(mentors)" ada@example.com
    if payoutd check --help >/dev/null 2>&1; then
        holds "payoutd check finds nothing wrong" payoutd check
    else
        echo "    this payoutd has no check"
    fi
    report=$(payoutd demo --once --json | tr -d ' \n')
    says "the demo pays, and nothing twice" "$report" '"duplicates":0'
}

what_the_operator_has() {
    (cd "$root" && sha256sum etc/payoutd/payoutd.toml etc/payoutd/credentials/* var/lib/payoutd/payoutd.db)
}

upgrade_keeps_everything() {
    local before with_new_settings=$scratch/unpacked
    before=$(what_the_operator_has)
    make_package "$scratch/second.deb" --deb-version 9998.0.0-1
    holds "a newer version is installed and asks nothing" package --install "$scratch/second.deb"
    is "settings, secrets and database are as they were" "$(what_the_operator_has)" "$before"

    "${as_root[@]}" dpkg-deb -R "$scratch/second.deb" "$with_new_settings"
    sed -i 's/^Version: .*/Version: 9999.0.0-1/' "$with_new_settings/DEBIAN/control"
    echo '# A line that the next version has.' >>"$with_new_settings/etc/payoutd/payoutd.toml"
    "${as_root[@]}" dpkg-deb --root-owner-group -Znone -b "$with_new_settings" "$scratch/third.deb" >/dev/null
    holds "and one with other settings, told to keep what was edited" package --force-confold --install "$scratch/third.deb"
    is "settings, secrets and database are still as they were" "$(what_the_operator_has)" "$before"
    holds "the new settings lie beside them" test -f "$root/etc/payoutd/payoutd.toml.dpkg-dist"
    is "it is the newest version" "$(package -s payoutd | grep ^Version)" "Version: 9999.0.0-1"
    says "the new program reads the database" "$(mentors)" ada@example.com
}

remove_keeps_what_is_the_operators() {
    local before
    before=$(what_the_operator_has)
    holds "it is removed and asks nothing" package --remove payoutd
    holds "the program is gone" gone "$root/usr/bin/payoutd"
    holds "the units are gone" gone "$root/usr/lib/systemd/system/payoutd.service"
    is "settings, secrets and database stay" "$(what_the_operator_has)" "$before"
}

purge_takes_only_its_own() {
    local said
    said=$(package --purge payoutd 2>&1) || { echo "$said" >&2 && exit 1; }
    holds "the settings are gone" gone "$root/etc/payoutd/payoutd.toml"
    holds "so is what the upgrade laid beside them" gone "$root/etc/payoutd/payoutd.toml.dpkg-dist"
    holds "the database stays" test -s "$root/var/lib/payoutd/payoutd.db"
    holds "the secrets stay" test -s "$root/etc/payoutd/credentials/stripe_secret_key"
    says "it says where the database is" "$said" "stays in /var/lib/payoutd"
    says "and the secrets" "$said" "stay in /etc/payoutd/credentials"
    is "dpkg knows it no more" "$(package -s payoutd 2>&1 | grep -c ^Status || true)" 0
}

purge_of_an_unused_package_leaves_nothing() {
    new_root "$scratch/unused"
    # What systemd makes of StateDirectory= under DynamicUser=, before anything is written there.
    mkdir -p "$root/var/lib/private/payoutd"
    ln -s private/payoutd "$root/var/lib/payoutd"
    holds "installed anew" package --install "$scratch/first.deb"
    holds "purged unused" package --purge payoutd
    is "nothing of it is left" "$(find "$root" -name '*payoutd*')" ""
}

# The maintainer scripts, with programs in their way that only write down how they are called.
calls_of() {
    local calls=$scratch/calls fakes=$scratch/fakes program
    mkdir -p "$fakes"
    : >"$calls"
    for program in systemctl deb-systemd-helper deb-systemd-invoke systemd-sysusers install; do
        printf '#!/bin/sh\necho "%s $*" >>"%s"\n' "$program" "$calls" >"$fakes/$program"
        chmod +x "$fakes/$program"
    done
    "${with_own_mounts[@]}" sh -ec 'mount -t tmpfs none /run; mkdir -p /run/systemd/system; PATH=$1:$PATH; shift; exec sh "$@"' \
        with-fakes "$fakes" "$@" >/dev/null
    cat "$calls"
}

scripts_ask_systemd_for_the_right_things() {
    local scripts=packaging/debian calls
    local with_own_mounts=(unshare --mount)
    if ! "${with_own_mounts[@]}" true 2>/dev/null; then
        with_own_mounts=(unshare --map-root-user --mount)
        if ! "${with_own_mounts[@]}" true 2>/dev/null; then
            echo "    no mount namespaces here: what the scripts ask of systemd is not checked"
            return 0
        fi
    fi
    calls=$(calls_of "$scripts/postinst" configure)
    is "a first install starts and enables nothing" "$(grep -E ' (start|restart|try-restart|enable --now) ' <<<"$calls")" ""
    says "but has systemd read the units" "$calls" "systemctl --system daemon-reload"
    says "an upgrade restarts what runs, and nothing else" "$(calls_of "$scripts/postinst" configure 0.0.1-1)" \
        "deb-systemd-invoke try-restart payoutd.service payoutd-release.timer"
    is "an upgrade does not stop the daemon before the new program is there" \
        "$(calls_of "$scripts/prerm" upgrade 9.9.9-1)" ""
    says "a removal stops the daemon" "$(calls_of "$scripts/prerm" remove)" \
        "systemctl stop payoutd-release.timer payoutd-release.service payoutd.service"
    is "and has systemd forget the units" "$(calls_of "$scripts/postrm" remove)" "systemctl --system daemon-reload"
}
