# bash completion of seedcast
_seedcast() {
  local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}" flags
  local common="--help --json --verbose"
  local connection="$common --coordinator --store --data"
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "run submit list show watch pause resume cancel fork evaluate export verify completion version --help" -- "$word"))
    return
  fi
  case "$previous" in
    --store|--data) COMPREPLY=($(compgen -d -- "$word")); return ;;
    --output|-o) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --split) COMPREPLY=($(compgen -W "train validation test" -- "$word")); return ;;
    --coordinator|--listen|--resume|--set|--slots|--test-episodes|--version|--way|--shot|--query|--episodes) return ;;
  esac
  case "$command" in
    run) flags="$common --store --data --resume --set --slots --output --listen --insecure --test-episodes" ;;
    submit) flags="$connection --set --watch" ;;
    list|show|watch|pause|resume|cancel) flags="$connection" ;;
    fork) flags="$connection --version --set" ;;
    evaluate) flags="$connection --split --way --shot --query --episodes --version --slots" ;;
    export) flags="$connection --output --version" ;;
    verify) flags="$connection --slots" ;;
    completion) flags="bash zsh fish --help" ;;
    version) flags="$common" ;;
  esac
  if [[ $word != -* && ( $command == run || $command == submit ) ]]; then
    COMPREPLY=($(compgen -d -S / -- "$word") $(compgen -f -X '!*.yaml' -- "$word") $(compgen -f -X '!*.yml' -- "$word"))
  else
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  fi
}
complete -o nospace -F _seedcast seedcast
