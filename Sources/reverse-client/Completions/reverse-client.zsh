#compdef reverse-client
# zsh completion for reverse-client(1)

_reverse-client_server() {
    _alternative 'hosts:host:_hosts' 'sockets:socket:_files -g "*(=)"'
}

_reverse-client() {
    _arguments -s -S : \
        '(-h --help --version -H --host -U --unix)'{-H+,--host=}'[the server: name, address, host:port or path]:host:_reverse-client_server' \
        '(-h --help --version -p --port -U --unix)'{-p+,--port=}'[the port of the server]:port:(5000)' \
        '(-h --help --version -U --unix -H --host -p --port)'{-U+,--unix=}'[the Unix socket of the server]:socket:_files -g "*(=)"' \
        '(-h --help --version --timeout)--timeout=[give up if nothing is sent or received for this long]:duration:(1s 10s 1min 0)' \
        '(-h --help --version --retry-for)--retry-for=[connect again and resend for this long]:duration:(0 5s 1min 1h)' \
        '(-h --help --version --ping *)--ping[send generated lines and print the round-trip times]' \
        '(-h --help --version --count)--count=[how many lines to send]:number:(1 4 100 0)' \
        '(-h --help --version --interval)--interval=[the pause between two lines]:duration:(0 100ms 1s 1min)' \
        '(-h --help --version --json)--json[print JSON, one object per line]' \
        '(-h --help --version --raw)--raw[send control characters of the answers to a terminal unchanged]' \
        '(-h --help --version --progress --no-progress)--progress[show the progress of a stream]' \
        '(-h --help --version --progress --no-progress)--no-progress[hide the progress]' \
        '(- *)--version[print the version]' \
        '(- *)'{-h,--help}'[print help]' \
        '(--ping)*:text to reverse:()'
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _reverse-client "$@"
else
    compdef _reverse-client reverse-client
fi
