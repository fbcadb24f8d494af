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
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "demo" -d 'See the whole of it work in a minute: daemon, Stripe sandbox, a dozen payments, emails'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "run" -d 'Do one release run now: pay what is due'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "status" -d 'Show what waits, what is held and why, and what went wrong'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "explain" -d 'Say why a payment was paid, or was not, and all that happened to it'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "hold" -d 'Hold a payment, or everything of a mentor'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "lift" -d 'Lift what holds a payment or a mentor'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "retry" -d 'Try a failed payment again; every check is asked again, too'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "mentor" -d 'Add, list or show mentors'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "migrate" -d 'Bring the database up to date'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "token" -d 'Mint a token for the cron endpoint, to be used once'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "sandbox" -d 'Run the Stripe sandbox alone'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "completions" -d 'Print completions for a shell'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "man" -d 'Print the manual page, or write one for each command'
complete -c payoutd -n "__fish_payoutd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand serve" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand serve" -s h -l help -d 'Print help'
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
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show help" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show help" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show help" -f -a "add" -d 'Add a mentor, or change what is given'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show help" -f -a "list" -d 'List mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show help" -f -a "show" -d 'Show one mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and not __fish_seen_subcommand_from add list show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
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
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "add" -d 'Add a mentor, or change what is given'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "list" -d 'List mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand mentor; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand migrate" -l config -d 'The configuration file [default: /etc/payoutd/payoutd.toml if it exists]' -r -F
complete -c payoutd -n "__fish_payoutd_using_subcommand migrate" -l dry-run -d 'Only say what would be run'
complete -c payoutd -n "__fish_payoutd_using_subcommand migrate" -s h -l help -d 'Print help'
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l ttl -d 'How long it may be used, 1s to 1h' -r
complete -c payoutd -n "__fish_payoutd_using_subcommand token" -l issuer -d 'Who it says it comes from [default: cron.issuer]' -r
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
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "serve" -d 'Run the daemon'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "demo" -d 'See the whole of it work in a minute: daemon, Stripe sandbox, a dozen payments, emails'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "run" -d 'Do one release run now: pay what is due'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "status" -d 'Show what waits, what is held and why, and what went wrong'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "explain" -d 'Say why a payment was paid, or was not, and all that happened to it'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "hold" -d 'Hold a payment, or everything of a mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "lift" -d 'Lift what holds a payment or a mentor'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "retry" -d 'Try a failed payment again; every check is asked again, too'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "mentor" -d 'Add, list or show mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "migrate" -d 'Bring the database up to date'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "token" -d 'Mint a token for the cron endpoint, to be used once'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "sandbox" -d 'Run the Stripe sandbox alone'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "completions" -d 'Print completions for a shell'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "man" -d 'Print the manual page, or write one for each command'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and not __fish_seen_subcommand_from serve demo run status explain hold lift retry mentor migrate token sandbox completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "add" -d 'Add a mentor, or change what is given'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "list" -d 'List mentors'
complete -c payoutd -n "__fish_payoutd_using_subcommand help; and __fish_seen_subcommand_from mentor" -f -a "show" -d 'Show one mentor'
