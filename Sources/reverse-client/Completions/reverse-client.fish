# fish completion for reverse-client(1)

complete -c reverse-client -f
complete -c reverse-client -s 'H' -l 'host' -x -a 'localhost (__fish_print_hostnames) (__fish_complete_path)' -d 'The server: name, address, host:port or path'
complete -c reverse-client -s 'p' -l 'port' -x -a 5000 -d 'The port of the server'
complete -c reverse-client -s 'U' -l 'unix' -r -F -d 'The Unix socket of the server'
complete -c reverse-client -l 'timeout' -x -a '1s 10s 1min 0' -d 'Give up if nothing is sent or received for this long'
complete -c reverse-client -l 'retry-for' -x -a '0 5s 1min 1h' -d 'Connect again and resend for this long'
complete -c reverse-client -l 'ping' -d 'Send generated lines and print the round-trip times'
complete -c reverse-client -l 'count' -x -a '1 4 100 0' -d 'How many lines to send'
complete -c reverse-client -l 'interval' -x -a '0 100ms 1s 1min' -d 'The pause between two lines'
complete -c reverse-client -l 'json' -d 'Print JSON, one object per line'
complete -c reverse-client -l 'raw' -d 'Send control characters of the answers to a terminal unchanged'
complete -c reverse-client -l 'progress' -d 'Show the progress of a stream'
complete -c reverse-client -l 'no-progress' -d 'Hide the progress'
complete -c reverse-client -l 'version' -d 'Print the version'
complete -c reverse-client -s 'h' -l 'help' -d 'Print help'
