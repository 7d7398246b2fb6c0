#compdef reversed
# zsh completion for reversed(8)

_reversed() {
    _arguments -s -S : \
        '(-h --help --version --config)--config=[the configuration file]:file:_files -g "*.toml"' \
        '(-h --help --version --host)--host=[listen on this address, and nowhere else]:address:(127.0.0.1 \:\:1 0.0.0.0 \:\:)' \
        '(-h --help --version --port)--port=[listen on this port, and nowhere else]:port:(5000 0)' \
        '(-h --help --version --check --print-config)--check[check the configuration and exit]' \
        '(-h --help --version --print-config --strict)--strict[with --check\: a warning fails the check]' \
        '(-h --help --version --print-config --quiet)--quiet[with --check\: print nothing]' \
        '(-h --help --version --check --print-config)--print-config[print the settings in force and exit]' \
        '(-h --help --version --log-level)--log-level=[log this and what is more severe]:level:(debug info notice warning error)' \
        '(-h --help --version --hot-set --no-hot-set)--hot-set[serve busy connections in one loop]' \
        '(-h --help --version --hot-set --no-hot-set)--no-hot-set[serve each connection by its own event source]' \
        '(- *)--version[print the version]' \
        '(- *)'{-h,--help}'[print help]'
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _reversed "$@"
else
    compdef _reversed reversed
fi
