# bash completion of seedcast

# The ids of the jobs of the store, or the coordinator, that the line names so far. Quick and silent, whatever is there:
# no store is made, and nobody is waited for long.
_seedcast_jobs() {
  local store="${SEEDCAST_STORE:-${XDG_STATE_HOME:-$HOME/.local/state}/seedcast}" coordinator="$SEEDCAST_COORDINATOR"
  local words at=() i value
  read -ra words <<< "${COMP_LINE:0:COMP_POINT}"  # COMP_WORDS has host:port in three
  for (( i = 2; i < ${#words[@]}; i++ )); do
    value="${words[i+1]/#\~\//$HOME/}"
    case "${words[i]}" in
      --store) store="$value" coordinator="" ;;
      --coordinator) coordinator="$value" ;;
      --tls-cert|--tls-key|--tls-ca|--config) ;;
      --insecure) at+=(--insecure); continue ;;
      *) continue ;;
    esac
    at+=("${words[i]}" "$value")
  done
  [[ -n $coordinator || -e $store/seedcast.db ]] || return
  timeout 1 seedcast list "${at[@]}" 2>/dev/null | awk 'NR > 1 { print $1 }'
}

_seedcast() {
  local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="${COMP_WORDS[1]}" flags
  local common="--help --json --verbose"
  local file="--config --check-config"
  local connection="$common $file --coordinator --store --data --tls-cert --tls-key --tls-ca --insecure"
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "run submit list show watch pause resume cancel fork evaluate compare export verify cluster certs doctor completion version --help --version" -- "$word"))
    return
  fi
  case "$previous" in
    --store|--data|--cache) COMPREPLY=($(compgen -d -- "$word")); return ;;
    --output|-o|--config|--tls-cert|--tls-key|--tls-ca) COMPREPLY=($(compgen -f -- "$word")); return ;;
    --role) COMPREPLY=($(compgen -W "coordinator worker submitter observer admin" -- "$word")); return ;;
    --split) COMPREPLY=($(compgen -W "train validation test" -- "$word")); return ;;
    --resume) COMPREPLY=($(compgen -W "$(_seedcast_jobs)" -- "$word")); return ;;
    --coordinator|--listen|--host|--days|--set|--slots|--inner-state-mb|--test-episodes|--comparison-seeds|--seeds|--count|--generations|--pairs|--version|--way|--shot|--query|--episodes|--steps) return ;;
  esac
  case "$command" in
    run) flags="$common $file --store --data --resume --set --slots --inner-state-mb --output --listen --insecure --test-episodes --comparison-seeds" ;;
    cluster) flags="$common --count --output --generations --pairs --set --slots" ;;
    submit) flags="$connection --set --watch" ;;
    list|show|watch|pause|resume|cancel) flags="$connection" ;;
    fork) flags="$connection --version --set" ;;
    evaluate) flags="$connection --split --way --shot --query --episodes --steps --version --slots" ;;
    compare) flags="$connection --seeds --steps --output --version --slots" ;;
    export) flags="$connection --output --version" ;;
    verify) flags="$connection --slots" ;;
    doctor) flags="$connection --cache --slots" ;;
    certs) flags="--host --role --days --json --help" ;;
    completion) flags="bash zsh fish --help" ;;
    version) flags="$common" ;;
  esac
  if [[ $word != -* && " show watch pause resume cancel fork evaluate compare export verify " == *" $command "* ]]; then
    COMPREPLY=($(compgen -W "$(_seedcast_jobs)" -- "$word"))
  elif [[ $word != -* && $command == certs ]]; then
    COMPREPLY=($(compgen -d -- "$word"))
  elif [[ $word != -* && ( $command == run || $command == submit || $command == cluster ) ]]; then
    COMPREPLY=($(compgen -d -S / -- "$word") $(compgen -f -X '!*.yaml' -- "$word") $(compgen -f -X '!*.yml' -- "$word"))
  else
    COMPREPLY=($(compgen -W "$flags" -- "$word"))
  fi
}
complete -o nospace -F _seedcast seedcast
