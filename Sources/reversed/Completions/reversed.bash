# bash completion for reversed(8)

_reversed() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    # "--host=name" arrives as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    # The file of a redirection, and the settings file: readline completes them.
    [[ $prev == *[\<\>] ]] && return
    case $prev in
        --config)
            return
            ;;
        --host)
            mapfile -t COMPREPLY < <(compgen -W '127.0.0.1 ::1 0.0.0.0 ::' -- "$cur")
            ;;
        --port)
            mapfile -t COMPREPLY < <(compgen -W '5000 0' -- "$cur")
            ;;
        --log-level)
            mapfile -t COMPREPLY < <(compgen -W 'debug info notice warning error' -- "$cur")
            ;;
        *)
            mapfile -t COMPREPLY < <(compgen -W '--config --host --port --check --strict --quiet --print-config --log-level --hot-set
                --no-hot-set --version -h --help' -- "$cur")
            ;;
    esac
    # A value that is no file: nothing is better than the names of files.
    compopt +o default +o bashdefault 2>/dev/null
}

complete -o bashdefault -o default -F _reversed reversed
