# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_payoutd_global_optspecs
    string join \n config= h/help V/version
end

function __fish_payoutd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_payoutd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_payoutd_using_subcommand
    set -l cmd (__fish_payoutd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c payoutd -n "__fish_payoutd_needs_command" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_needs_command" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_needs_command" -s V -l version -d 'Print version'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "serve" -d 'Run the daemon'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "check" -d 'Look whether everything that the daemon needs is there, and say what to mend; changes nothing'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "config" -d 'Show the settings and where each came from; no secret is shown'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "demo" -d 'See the whole of it work in a minute: daemon, Stripe sandbox, a dozen payments, emails'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "run" -d 'Do one release run now: pay what is due'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "status" -d 'Show what waits, what is held and why, and what went wrong'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "payments" -d 'List payments by status, mentor, reason or time'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "runs" -d 'List release runs, newest first'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "explain" -d 'Say why a payment was paid, or was not, and all that happened to it'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "hold" -d 'Hold a payment, or everything of a mentor'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "lift" -d 'Lift what holds a payment or a mentor'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "retry" -d 'Try a failed payment again; every check is asked again, too'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "refund" -d 'Ask for a refund of a payment, in full, in part or by the cancellation policy'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "complete" -d 'Say that a payment\'s session took place'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "withdraw" -d 'Ask for a payout from a mentor\'s connected account to their bank'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "withdrawals" -d 'List withdrawals and where each stands, newest first'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "mentor" -d 'Add, list, show or onboard mentors'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "audit" -d 'Prove that the books are right, and say what is not'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "reconcile" -d 'Compare transfers, reversals, refunds, disputes and payouts with Stripe, both ways'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "backup" -d 'Copy the SQLite database to a file, while the daemon works'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "report" -d 'Report payments, revenue, transfers, refunds and disputes by period, and what is still to be paid'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "webhooks" -d 'List, show, replay or ignore the events that Stripe sent'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "emails" -d 'List emails, and send again those that were given up'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "operations" -d 'List or show writes to Stripe, and look for one whose outcome is unknown'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "migrate" -d 'Bring the database up to date'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "token" -d 'Mint a token for the cron endpoint, to be used once, or for the API'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "sandbox" -d 'Run the Stripe sandbox alone'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "man" -d 'Print the manual page, or write one for each command'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand serve" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand serve" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand check" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand check" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand check" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Show every setting, where it came from, and what is wrong'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and __fish_seen_subcommand_from show" -l set-only -d 'Leave out what has its default'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show every setting, where it came from, and what is wrong'
complete -c payoutd -n "__fish_payoutd_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand demo" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand demo" -l once -d 'End by itself once everything has happened'
complete -c payoutd -n "__fish_payoutd_using_subcommand demo" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand demo" -l log -d 'Show the daemon\'s log, too'
complete -c payoutd -n "__fish_payoutd_using_subcommand demo" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand run" -l limit -d 'With --dry-run: how many payments to show at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand run" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand run" -l dry-run -d 'Only say what a run would do, and write nothing'
complete -c payoutd -n "__fish_payoutd_using_subcommand run" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand run" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand status" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand status" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand status" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l status -d 'Only in this status; may be given more than once' -r -f -a "unpaid\t''
authorized\t''
pending\t''
held\t''
refunded\t''
releasing\t''
failed\t''
transferred\t''
carried\t''
netted\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l mentor -d 'Only of this mentor, by the platform\'s id' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l reason -d 'Only held for this reason, by its code: `status` shows which there are' -r -f -a "not_paid\t''
charge_unknown\t''
other_mode\t''
destination_charge\t''
flagged\t''
payment_hold\t''
mentor_restricted\t''
mentor_hold\t''
dispute_open\t''
dispute_unclear\t''
dispute_lost\t''
dispute_unread\t''
not_completed\t''
refund_asked\t''
refunded\t''
transferred_elsewhere\t''
mentor_unnamed\t''
mentor_unknown\t''
no_account\t''
account_unread\t''
account_not_found\t''
account_disconnected\t''
transfers_inactive\t''
fee_conflict\t''
below_minimum\t''
other_settlement_currency\t''
in_flight\t''
transferred\t''
carried\t''
netted\t''
failed\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l since -d 'Only paid by the customer then or later: 2026-11-01, 2026-11-01T12:00:00Z, or 7d for the last seven days' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l until -d 'Only paid by the customer before then; a day counts in full' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l before -d 'Go on after the row with this number, where the page before ended' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l interval -d 'With --watch: how long between two lists' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l flagged -d 'Only with the admin\'s flag (`dispute_requested`)'
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l near-limit -d 'Only what nears the limit of how long money may stay on the platform (release.platform_limit)'
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l due -d 'Only what the next run looks at'
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l watch -d 'Draw the list again and again, until Ctrl-C'
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand payments" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand runs" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand runs" -l before -d 'Go on after the row with this number, where the page before ended' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand runs" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand runs" -l failed -d 'Only runs that could not do everything'
complete -c payoutd -n "__fish_payoutd_using_subcommand runs" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand runs" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand explain" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand explain" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand explain" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand hold" -l mentor -d 'The mentor, by the platform\'s id' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand hold" -l reason -d 'Why, in words; kept for ever' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand hold" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand hold" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand lift" -l mentor -d 'The mentor, by the platform\'s id' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand lift" -l reason -d 'Why, in words; kept for ever' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand lift" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand lift" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand retry" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand retry" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l amount -d 'How much, in minor units (1250 is 12.50 USD) [default: all that is left]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l currency -d 'Refused unless the payment was made in this currency' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l reason -d 'Why, in words; kept for ever' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l key -d 'Makes it safe to ask twice: the same key is the same request' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l policy -d 'As much as the cancellation policy gives back now'
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand refund" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand complete" -l at -d 'When the session ended, as 2026-11-21T15:00:00Z [default: now]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand complete" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand complete" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand complete" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -l amount -d 'How much, in minor units (1250 is 12.50 USD) [default: all that is available]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -l currency -d 'In what [default: the one currency that the mentor has]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -l key -d 'Makes it safe to ask twice: the same key is the same withdrawal' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -l instant -d 'Within minutes, where the mentor\'s bank can; Stripe takes a fee for it'
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand withdraw" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand withdrawals" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand withdrawals" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand withdrawals" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand withdrawals" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -f -a "add" -d 'Add a mentor, or change what is given'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -f -a "list" -d 'List mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -f -a "show" -d 'Show one mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -f -a "onboard" -d 'Make a connected account for a mentor who has none, and a link to Stripe\'s forms'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -f -a "balance" -d 'Show what a mentor has earned, and where it is'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show onboard balance help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from add" -l account -d 'Their connected account, acct_…' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from add" -l email -d 'Where to write to them' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from add" -l name -d 'What to call them' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from add" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from list" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -l email -d 'Their address [default: the mentor\'s]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -l name -d 'What to call them' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -l country -d 'Where they live, as two capitals such as US [default: onboarding.country]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -l account -d 'Link this connected account, acct_…, instead of making one' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from onboard" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from balance" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from balance" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from balance" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a mentor, or change what is given'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "list" -d 'List mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "onboard" -d 'Make a connected account for a mentor who has none, and a link to Stripe\'s forms'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "balance" -d 'Show what a mentor has earned, and where it is'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand audit" -l limit -d 'How many differences to show at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand audit" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand audit" -l repair -d 'Post what the ledger lacks before looking: of payments recorded before there was a ledger, or changed by SQL; and count payments anew for `payoutd status`'
complete -c payoutd -n "__fish_payoutd_using_subcommand audit" -l alert -d 'Have an email written to the admin when anything differs, at most one a day'
complete -c payoutd -n "__fish_payoutd_using_subcommand audit" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand audit" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l days -d 'How many days back [default: reconcile.days]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l since -d 'From this day on, where release.time_zone is' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l until -d 'Up to this day and with it [default: now]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l limit -d 'How many discrepancies to show at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l fix -d 'Take in what Stripe has and this database lacks or has as it was before; never moves money'
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand reconcile" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand backup" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand backup" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -l since -d 'From then on: a day, a time, or how long ago [default: 30d]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -l until -d 'Until then; a day counts as a whole [default: now]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -l by -d 'How long a period is, in UTC' -r -f -a "day\t''
week\t''
month\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -l csv -d 'Print CSV, for spreadsheets; amounts in minor units'
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand report" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -f -a "list" -d 'List events, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -f -a "show" -d 'Show one event with its body'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -f -a "replay" -d 'Have events projected again; harmless for one that was projected before'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -f -a "ignore" -d 'Set aside an event that cannot be projected, for good'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and not __fish_seen_subcommand_from list show replay ignore help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -l state -d 'Only in this state' -r -f -a "pending\t''
projected\t''
ignored\t''
failed\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -l type -d 'Only of this type, such as charge.succeeded' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -l before -d 'Go on after the row with this number, where the page before ended' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from replay" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from replay" -l failed -d 'All that failed'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from replay" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from ignore" -l reason -d 'Why, in words; kept for ever' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from ignore" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from ignore" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one event with its body'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from help" -f -a "replay" -d 'Have events projected again; harmless for one that was projected before'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from help" -f -a "ignore" -d 'Set aside an event that cannot be projected, for good'
complete -c payoutd -n "__fish_payoutd_using_subcommand webhooks; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and not __fish_seen_subcommand_from list retry help" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and not __fish_seen_subcommand_from list retry help" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and not __fish_seen_subcommand_from list retry help" -f -a "list" -d 'List emails, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and not __fish_seen_subcommand_from list retry help" -f -a "retry" -d 'Send emails again that were given up'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and not __fish_seen_subcommand_from list retry help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l state -d 'Only in this state; `failed` are given up' -r -f -a "queued\t''
sent\t''
failed\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l to -d 'Only to this address, or to the mentor of this id' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l kind -d 'Only of this kind, such as paid, on_hold or payment_failed' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l before -d 'Go on after the row with this number, where the page before ended' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from retry" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from retry" -l failed -d 'All that were given up'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from help" -f -a "list" -d 'List emails, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Send emails again that were given up'
complete -c payoutd -n "__fish_payoutd_using_subcommand emails; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and not __fish_seen_subcommand_from list show resolve help" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and not __fish_seen_subcommand_from list show resolve help" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and not __fish_seen_subcommand_from list show resolve help" -f -a "list" -d 'List operations, newest first: those that are not at their end, unless asked for others'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and not __fish_seen_subcommand_from list show resolve help" -f -a "show" -d 'Show an operation, or all of a payment\'s, with every call'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and not __fish_seen_subcommand_from list show resolve help" -f -a "resolve" -d 'Look now at Stripe for an operation whose outcome is unknown; sends nothing'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and not __fish_seen_subcommand_from list show resolve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -l state -d 'Only in this state; may be given more than once' -r -f -a "planned\t''
submitting\t''
unknown\t''
confirmed\t''
rejected\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -l limit -d 'How many at most' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -l before -d 'Go on after the row with this number, where the page before ended' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -l all -d 'In any state'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from show" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from resolve" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from resolve" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from resolve" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "list" -d 'List operations, newest first: those that are not at their end, unless asked for others'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show an operation, or all of a payment\'s, with every call'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "resolve" -d 'Look now at Stripe for an operation whose outcome is unknown; sends nothing'
complete -c payoutd -n "__fish_payoutd_using_subcommand operations; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand migrate" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand migrate" -l dry-run -d 'Only say what would be run'
complete -c payoutd -n "__fish_payoutd_using_subcommand migrate" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l scope -d 'What it allows: payouts:run for the cron endpoint; mentor:read, admin:read or admin:write for the API, and more than one of these' -r -f -a "payouts:run\t''
mentor:read\t''
admin:read\t''
admin:write\t''"
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l sub -d 'Who shows it to the API: with mentor:read the mentor\'s id, else a name for the record' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l ttl -d 'How long it may be used, 1s to 1h' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l issuer -d 'Who it says it comes from [default: cron.issuer or api.issuer]' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l json -d 'Print JSON, for programs'
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand sandbox" -l listen -d 'Where to listen; loopback only' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand sandbox" -l webhook -d 'Where to send webhooks to' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand sandbox" -l webhook-secret -d 'What to sign them with' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand sandbox" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand sandbox" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand completions" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand completions" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand man" -l out -d 'Write payoutd.1 and a page for each command into this directory' -r -f -a "(__fish_complete_directories)"
complete -c payoutd -n "__fish_payoutd_using_subcommand man" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand man" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "serve" -d 'Run the daemon'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "check" -d 'Look whether everything that the daemon needs is there, and say what to mend; changes nothing'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "config" -d 'Show the settings and where each came from; no secret is shown'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "demo" -d 'See the whole of it work in a minute: daemon, Stripe sandbox, a dozen payments, emails'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "run" -d 'Do one release run now: pay what is due'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "status" -d 'Show what waits, what is held and why, and what went wrong'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "payments" -d 'List payments by status, mentor, reason or time'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "runs" -d 'List release runs, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "explain" -d 'Say why a payment was paid, or was not, and all that happened to it'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "hold" -d 'Hold a payment, or everything of a mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "lift" -d 'Lift what holds a payment or a mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "retry" -d 'Try a failed payment again; every check is asked again, too'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "refund" -d 'Ask for a refund of a payment, in full, in part or by the cancellation policy'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "complete" -d 'Say that a payment\'s session took place'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "withdraw" -d 'Ask for a payout from a mentor\'s connected account to their bank'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "withdrawals" -d 'List withdrawals and where each stands, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "mentor" -d 'Add, list, show or onboard mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "audit" -d 'Prove that the books are right, and say what is not'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "reconcile" -d 'Compare transfers, reversals, refunds, disputes and payouts with Stripe, both ways'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "backup" -d 'Copy the SQLite database to a file, while the daemon works'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "report" -d 'Report payments, revenue, transfers, refunds and disputes by period, and what is still to be paid'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "webhooks" -d 'List, show, replay or ignore the events that Stripe sent'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "emails" -d 'List emails, and send again those that were given up'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "operations" -d 'List or show writes to Stripe, and look for one whose outcome is unknown'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "migrate" -d 'Bring the database up to date'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "token" -d 'Mint a token for the cron endpoint, to be used once, or for the API'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "sandbox" -d 'Run the Stripe sandbox alone'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "completions" -d 'Print completions for a shell'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "man" -d 'Print the manual page, or write one for each command'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve check config demo run status payments runs explain hold lift retry refund complete withdraw withdrawals mentor audit reconcile backup report webhooks emails operations migrate token sandbox completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Show every setting, where it came from, and what is wrong'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "add" -d 'Add a mentor, or change what is given'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "list" -d 'List mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "show" -d 'Show one mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "onboard" -d 'Make a connected account for a mentor who has none, and a link to Stripe\'s forms'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "balance" -d 'Show what a mentor has earned, and where it is'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from webhooks" -f -a "list" -d 'List events, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from webhooks" -f -a "show" -d 'Show one event with its body'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from webhooks" -f -a "replay" -d 'Have events projected again; harmless for one that was projected before'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from webhooks" -f -a "ignore" -d 'Set aside an event that cannot be projected, for good'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from emails" -f -a "list" -d 'List emails, newest first'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from emails" -f -a "retry" -d 'Send emails again that were given up'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "list" -d 'List operations, newest first: those that are not at their end, unless asked for others'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "show" -d 'Show an operation, or all of a payment\'s, with every call'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from operations" -f -a "resolve" -d 'Look now at Stripe for an operation whose outcome is unknown; sends nothing'
