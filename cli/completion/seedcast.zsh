#compdef seedcast
# zsh completion of seedcast

# The ids of the jobs of the store, or the coordinator, that the line names so far; no store is made for it.
_seedcast_jobs() {
  local store="${SEEDCAST_STORE:-${XDG_STATE_HOME:-$HOME/.local/state}/seedcast}" coordinator="$SEEDCAST_COORDINATOR"
  local -a at jobs
  local i value
  for (( i = 1; i < CURRENT - 1; i++ )); do
    value="${words[i+1]/#\~\//$HOME/}"
    case "${words[i]}" in
      --store) store="$value" coordinator="" ;;
      --coordinator) coordinator="$value" ;;
      --tls-cert|--tls-key|--tls-ca|--config) ;;
      *) continue ;;
    esac
    at+=("${words[i]}" "$value")
  done
  (( ${words[(I)--insecure]} )) && at+=(--insecure)
  [[ -n $coordinator || -e $store/seedcast.db ]] || return 1
  jobs=(${(f)"$(timeout 1 seedcast list "${at[@]}" 2>/dev/null | awk 'NR > 1 { print $1 }')"})
  compadd -a jobs
}

_seedcast() {
  local -a commands common file connection override
  commands=(
    'run:train a job here, test it and write its model'
    'submit:hand a job to a coordinator'
    'list:all jobs'
    'show:one job in full'
    'watch:follow a job to its end'
    'pause:stop a job until it is resumed'
    'resume:go on with a paused job'
    'cancel:end a job for good'
    'fork:a new job that starts from a version of another'
    'evaluate:measure a version on episodes'
    'compare:measure a learned optimizer against tuned ones'
    'export:write parameters as npz'
    'verify:replay a log and compare every digest'
    'cluster:find the clusters of a learned optimizer'
    'certs:make or renew certificates for TLS'
    'doctor:say what is wrong with this machine and a coordinator'
    'completion:print a completion script'
    'version:print versions'
  )
  common=('--help[show help]' '--json[print JSON]' '--verbose[log on standard error]')
  file=('--config[file of options]:file:_files' '--check-config[check options and leave]')
  connection=($common $file '--coordinator[address]:address:' '--store[store]:directory:_files -/' '--data[data sets]:directory:_files -/'
    '--tls-cert[certificate]:file:_files' '--tls-key[its key]:file:_files' '--tls-ca[authority]:file:_files'
    '--insecure[trust the network]')
  override=('*--set[set a field]:path=value:')
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    run) _arguments $common $file $override '--store[store]:directory:_files -/' '--data[data sets]:directory:_files -/' \
      '--resume[go on with a job]:job:_seedcast_jobs' '--slots[threads]:number:' '--output[model]:file:_files' \
      '--listen[address]:address:' '--insecure[trust the network]' '--test-episodes[episodes of each test]:number:' \
      '--inner-state-mb[MiB for carried inner trainings]:number:' \
      '--comparison-seeds[instances of each problem]:number:' '*:job file:_files -g "*.y(a|)ml"' ;;
    submit) _arguments $connection $override '--watch[follow the job]' '*:job file:_files -g "*.y(a|)ml"' ;;
    list|show|watch|pause|resume|cancel) _arguments $connection '*:job:_seedcast_jobs' ;;
    fork) _arguments $connection $override '--version[version]:number:' '*:job:_seedcast_jobs' ;;
    evaluate) _arguments $connection '--split[split]:split:(train validation test)' '--way[classes]:number:' \
      '--shot[support images]:number:' '--query[query images]:number:' '--episodes[episodes]:number:' \
      '--steps[inner steps of an episode]:number:' \
      '--version[version]:number:' '--slots[threads]:number:' '*:job:_seedcast_jobs' ;;
    compare) _arguments $connection '--seeds[instances of each problem]:number:' '--steps[inner steps of an episode]:number:' \
      '--output[file]:file:_files' '--version[version]:number:' '--slots[threads]:number:' '*:job:_seedcast_jobs' ;;
    export) _arguments $connection '--output[file]:file:_files' '--version[version]:number:' '*:job:_seedcast_jobs' ;;
    verify) _arguments $connection '--slots[threads]:number:' '*:job:_seedcast_jobs' ;;
    cluster) _arguments $common $override '--count[clusters]:number:' '--output[job file]:file:_files' \
      '--generations[generations]:number:' '--pairs[perturbations]:number:' '--slots[threads]:number:' \
      '*:job file:_files -g "*.y(a|)ml"' ;;
    doctor) _arguments $connection '--cache[decoded data sets]:directory:_files -/' '--slots[threads]:number:' ;;
    certs) _arguments '--help[show help]' '--json[print JSON]' '*--host[name or address]:host:' '--days[how long they hold]:number:' \
      '*--role[role]:role:(coordinator worker submitter observer admin)' '*:directory:_files -/' ;;
    completion) _arguments '--help[show help]' '*:shell:(bash zsh fish)' ;;
    version) _arguments $common ;;
  esac
}
compdef _seedcast seedcast
