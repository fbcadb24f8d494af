#!/usr/bin/env bash
# Searches what the tests printed, those that passed too, and what payoutd logged in them for the secrets that it was given.
#
#   search_secrets.sh LOGS PRINTED [whole]   a directory, a file, and whether every test ran, so that what one of them
#                                            prints to be found must be there
#
# PAYOUTD_TEST_PG names the tests' PostgreSQL, whose password is one of the secrets.
set -euo pipefail
logs=$1 printed=$2 whole=${3:-}

if [ -n "$whole" ]; then
    # Printed by attacks::secrets::what_is_printed_is_searched; and what every daemon says.
    for known in 'canary of the search for secrets' 'kept an event'; do
        grep -rqF "$known" "$logs" "$printed" || {
            echo "tests/run: \"$known\" is not in $logs or $printed: no secret would be found there" >&2
            exit 1
        }
    done
fi

password=${PAYOUTD_TEST_PG#*://*:}
# Not in a command line, where everybody could read them.
patterns() {
    cat <<PATTERNS
[sr]k_(test|live)_[A-Za-z0-9]{3,}
whsec_[A-Za-z0-9]{3,}
seed(StripeKey|HookOne|HookTwo|CronKey|ApiKey|MailPass|BasePass|Other)
a secret of this test
eyJ[A-Za-z0-9_-]{8,}\.eyJ
${password%%@*}
PATTERNS
}
# 1 says that nothing was found; anything else, that not everything could be searched.
found=$(grep -rnEo -f <(patterns) "$logs" "$printed") || [ $? = 1 ]
if [ -n "$found" ]; then
    sort -t: -k3 -u <<<"$found" | sed -n 1,20p
    echo "tests/run: a secret was printed: see these lines" >&2
    exit 1
fi
