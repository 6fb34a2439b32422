# fish completion of seedcast

# The ids of the jobs of the store, or the coordinator, that the line names so far; no store is made for it.
function __seedcast_jobs
  set -l words (commandline -opc)
  set -l state $HOME/.local/state
  set -q XDG_STATE_HOME; and set state $XDG_STATE_HOME
  set -l store $state/seedcast
  set -q SEEDCAST_STORE; and set store $SEEDCAST_STORE
  set -l coordinator $SEEDCAST_COORDINATOR
  set -l at
  for i in (seq 2 (count $words))
    set -l value $words[(math $i + 1)]
    switch $words[$i]
      case --store
        set store $value
        set coordinator
        set -a at --store $value
      case --coordinator
        set coordinator $value
        set -a at --coordinator $value
      case --tls-cert --tls-key --tls-ca --config
        set -a at $words[$i] $value
      case --insecure
        set -a at --insecure
    end
  end
  test -n "$coordinator"; or test -e $store/seedcast.db; or return
  timeout 1 seedcast list $at 2>/dev/null | awk 'NR > 1 { print $1 }'
end

set -l commands run submit list show watch pause resume cancel fork evaluate compare export verify cluster certs doctor completion version
set -l of_a_job show watch pause resume cancel fork evaluate compare export verify
set -l remote submit list show watch pause resume cancel fork evaluate compare export verify doctor
complete -c seedcast -f -l help -d 'Show help'
complete -c seedcast -n "not __fish_seen_subcommand_from $commands" -a "$commands"
complete -c seedcast -n "__fish_seen_subcommand_from run submit cluster" -a '(__fish_complete_suffix .yaml)'
complete -c seedcast -f -n "__fish_seen_subcommand_from $of_a_job" -a '(__seedcast_jobs)'
complete -c seedcast -n "__fish_seen_subcommand_from completion" -a 'bash zsh fish'
complete -c seedcast -n "__fish_seen_subcommand_from run version cluster certs $remote" -l json -d 'Print JSON'
complete -c seedcast -n "__fish_seen_subcommand_from run version cluster $remote" -l verbose -d 'Log on standard error'
complete -c seedcast -n "__fish_seen_subcommand_from $remote" -x -l coordinator -d 'Address of a coordinator'
complete -c seedcast -n "__fish_seen_subcommand_from $remote" -r -F -l tls-cert -d 'Certificate to show it'
complete -c seedcast -n "__fish_seen_subcommand_from $remote" -r -F -l tls-key -d 'Its private key'
complete -c seedcast -n "__fish_seen_subcommand_from $remote" -r -F -l tls-ca -d 'Authority to believe'
complete -c seedcast -n "__fish_seen_subcommand_from $remote" -l insecure -d 'Trust the network'
complete -c seedcast -n "__fish_seen_subcommand_from run $remote" -r -F -l config -d 'File of options'
complete -c seedcast -n "__fish_seen_subcommand_from run $remote" -l check-config -d 'Check options and leave'
complete -c seedcast -n "__fish_seen_subcommand_from doctor" -r -F -l cache -d 'Directory of decoded data sets'
complete -c seedcast -n "__fish_seen_subcommand_from certs" -a '(__fish_complete_directories)'
complete -c seedcast -n "__fish_seen_subcommand_from certs" -x -l host -d 'Name or address of the coordinator'
complete -c seedcast -n "__fish_seen_subcommand_from certs" -x -l role -a 'coordinator worker submitter observer admin' -d 'Role to make'
complete -c seedcast -n "__fish_seen_subcommand_from certs" -x -l days -d 'How long they hold'
complete -c seedcast -n "__fish_seen_subcommand_from run $remote" -r -F -l store -d 'Store of the embedded coordinator'
complete -c seedcast -n "__fish_seen_subcommand_from run $remote" -r -F -l data -d 'Directory with data sets'
complete -c seedcast -n "__fish_seen_subcommand_from run submit fork cluster" -x -l set -d 'Set a field, path.to.field=value'
complete -c seedcast -n "__fish_seen_subcommand_from run" -x -l resume -a '(__seedcast_jobs)' -d 'Go on with a job of the store'
complete -c seedcast -n "__fish_seen_subcommand_from run" -x -l listen -d 'Listen on this address as well'
complete -c seedcast -n "__fish_seen_subcommand_from run" -l insecure -d 'Trust the network'
complete -c seedcast -n "__fish_seen_subcommand_from run" -x -l test-episodes -d 'Episodes of each test'
complete -c seedcast -n "__fish_seen_subcommand_from run evaluate compare verify cluster doctor" -x -l slots -d 'Threads to use here'
complete -c seedcast -n "__fish_seen_subcommand_from run export" -r -F -l output -d 'Where the model goes'
complete -c seedcast -n "__fish_seen_subcommand_from run" -x -l inner-state-mb -d 'MiB for carried inner trainings'
complete -c seedcast -n "__fish_seen_subcommand_from run" -x -l comparison-seeds -d 'Instances of each problem'
complete -c seedcast -n "__fish_seen_subcommand_from compare" -r -F -l output -d 'Name of the table and the picture'
complete -c seedcast -n "__fish_seen_subcommand_from compare" -x -l seeds -d 'Instances of each problem'
complete -c seedcast -n "__fish_seen_subcommand_from cluster" -r -F -l output -d 'Where the job file goes'
complete -c seedcast -n "__fish_seen_subcommand_from cluster" -x -l count -d 'Clusters to make'
complete -c seedcast -n "__fish_seen_subcommand_from cluster" -x -l generations -d 'Generations to measure'
complete -c seedcast -n "__fish_seen_subcommand_from cluster" -x -l pairs -d 'Perturbations a generation'
complete -c seedcast -n "__fish_seen_subcommand_from submit" -l watch -d 'Follow the job to its end'
complete -c seedcast -n "__fish_seen_subcommand_from fork evaluate compare export" -x -l version -d 'Version of the parameters'
complete -c seedcast -n "__fish_seen_subcommand_from evaluate" -x -l split -a 'train validation test' -d 'Split'
complete -c seedcast -n "__fish_seen_subcommand_from evaluate" -x -l way -d 'Classes an episode'
complete -c seedcast -n "__fish_seen_subcommand_from evaluate" -x -l shot -d 'Support images a class'
complete -c seedcast -n "__fish_seen_subcommand_from evaluate" -x -l query -d 'Query images a class'
complete -c seedcast -n "__fish_seen_subcommand_from evaluate" -x -l episodes -d 'Number of episodes'
complete -c seedcast -n "__fish_seen_subcommand_from evaluate compare" -x -l steps -d 'Inner steps of an episode'
