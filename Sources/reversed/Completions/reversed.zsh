#compdef reversed
# zsh completion for reversed(8)

_reversed() {
    _arguments -s -S : \
        '(-h --help --version --config)--config=[the settings file]:file:_files -g "*.toml"' \
        '(-h --help --version --host)--host=[listen on this address only]:address:(127.0.0.1 \:\:1 0.0.0.0 \:\:)' \
        '(-h --help --version --port)--port=[listen on this port only]:port:(5000 0)' \
        '(-h --help --version --check --print-config)--check[check the settings and exit]' \
        '(-h --help --version --print-config --strict)--strict[with --check\: treat a warning as a mistake]' \
        '(-h --help --version --print-config --quiet)--quiet[with --check\: print nothing]' \
        '(-h --help --version --check --print-config)--print-config[print the settings in effect and exit]' \
        '(-h --help --version --log-level)--log-level=[log this level and above]:level:(debug info notice warning error)' \
        '(-h --help --version --hot-set --no-hot-set)--hot-set[serve busy connections by hot loops]' \
        '(-h --help --version --hot-set --no-hot-set)--no-hot-set[serve every connection by its own event source]' \
        '(- *)--version[print the version]' \
        '(- *)'{-h,--help}'[print help]'
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _reversed "$@"
else
    compdef _reversed reversed
fi
