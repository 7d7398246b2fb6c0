# fish completion for reversed(8)

complete -c reversed -f
complete -c reversed -l 'config' -r -F -d 'The settings file'
complete -c reversed -l 'host' -x -a '127.0.0.1 ::1 0.0.0.0 ::' -d 'Listen on this address only'
complete -c reversed -l 'port' -x -a '5000 0' -d 'Listen on this port only'
complete -c reversed -l 'check' -d 'Check the settings and exit'
complete -c reversed -l 'strict' -d 'With --check: treat a warning as a mistake'
complete -c reversed -l 'quiet' -d 'With --check: print nothing'
complete -c reversed -l 'print-config' -d 'Print the settings in effect and exit'
complete -c reversed -l 'log-level' -x -a 'debug info notice warning error' -d 'Log this level and above'
complete -c reversed -l 'hot-set' -d 'Serve busy connections by hot loops'
complete -c reversed -l 'no-hot-set' -d 'Serve every connection by its own event source'
complete -c reversed -l 'version' -d 'Print the version'
complete -c reversed -s 'h' -l 'help' -d 'Print help'
