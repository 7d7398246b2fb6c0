# bash completion for reverse-client(1)

_reverse_client() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} word
    COMPREPLY=()
    # "--host=name" arrives as three words.
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    # The file of a redirection: readline completes it.
    [[ $prev == *[\<\>] ]] && return
    # Behind "--" every word is a text.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $word == -- ]] && return
    done
    case $prev in
        -U | --unix)
            return
            ;;
        -H | --host)
            [[ $cur == */* ]] && return
            mapfile -t COMPREPLY < <(compgen -W 'localhost' -A hostname -- "$cur" | sort -u)
            ;;
        -p | --port)
            mapfile -t COMPREPLY < <(compgen -W '5000' -- "$cur")
            ;;
        --timeout)
            mapfile -t COMPREPLY < <(compgen -W '1s 10s 1min 0' -- "$cur")
            ;;
        --retry-for)
            mapfile -t COMPREPLY < <(compgen -W '0 5s 1min 1h' -- "$cur")
            ;;
        --count)
            mapfile -t COMPREPLY < <(compgen -W '1 4 100 0' -- "$cur")
            ;;
        --interval)
            mapfile -t COMPREPLY < <(compgen -W '0 100ms 1s 1min' -- "$cur")
            ;;
        *)
            [[ $cur == -* ]] || return
            mapfile -t COMPREPLY < <(compgen -W '-H --host -p --port -U --unix --timeout --retry-for --ping --count
                --interval --json --raw --progress --no-progress --version -h --help' -- "$cur")
            return
            ;;
    esac
    # A value that is no file: nothing is better than the names of files.
    compopt +o default +o bashdefault 2>/dev/null
}

complete -o bashdefault -o default -F _reverse_client reverse-client
