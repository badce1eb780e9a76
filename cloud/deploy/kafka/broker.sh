#!/usr/bin/env bash
# A real Apache Kafka (KRaft, no ZooKeeper, no Docker) on the loopback interface, for
# tests and for one machine.  ./run kafka calls it; usage is below.
#
#   jars.sha256      what is fetched from Maven Central, and what it must be
#   DATA/cluster     nodes, ports and listeners that the folder was made with
#   DATA/env         KAFKA_... lines, written when every node is ready
#   DATA/node-N/     server.properties, pid ("PROCESS START"), log, data/
#   DATA/client-*.conf   librdkafka's settings for each user of a --sasl cluster
set -euo pipefail
here=$PWD
source_folder=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$source_folder/../../..")

readonly repository=${STARLING_MAVEN_REPOSITORY:-https://repo1.maven.org/maven2}
readonly cache=$root/out/kafka
readonly users=(admin gateway shard analyst)
# KAFKA_NICENESS: how far the broker gives way to those that it serves where they share
# few cores.  Linux shares a core out among sessions first, and a session has its own.
readonly give_way='{ echo "${KAFKA_NICENESS:-0}" >/proc/self/autogroup; } 2>/dev/null
  exec nice -n "${KAFKA_NICENESS:-0}" "$@"'

say() { printf 'kafka: %s\n' "$*" >&2; }
fail() { local code=$1; shift; say "$@"; exit "$code"; }

usage() {
  cat <<'TEXT'
usage: ./run kafka [--nodes 1|3] [--port P] [--data DIR] [--sasl] [--fresh] [--foreground]
       ./run kafka --stop | --status | --env            [--data DIR]
       ./run kafka --kill-node N | --stop-node N | --start-node N   [--data DIR]
       ./run kafka --tool CLASS ARGUMENT...

Starts Apache Kafka 3.9 on 127.0.0.1 and returns when every node is ready, with its
address as KAFKA_BOOTSTRAP=... on standard output.
  --nodes N      1 (default) or 3; each is broker and controller
  --port P       first of two ports for each node (default 19092; 0: any free ones)
  --data DIR     its folder (default out/kafka/data); a folder that has a cluster is
                 started again with the nodes and ports that it has
  --sasl         TLS, SCRAM-SHA-512 and ACLs; DIR/client-USER.conf for users admin,
                 gateway, shard and analyst is what --kafka-config takes
  --fresh        deletes what DIR holds of a former cluster
  --foreground   stays, and stops the nodes when it is told to end or killed
  --stop         ends every node: asks, waits 20 s, kills
  --kill-node N  kill -9 of one node; --start-node N brings it back
  --tool CLASS   one of Kafka's own tools, as kafka.admin.AclCommand (kafka-acls)

Exit codes: 0 done, 1 failed (the last line says why), 2 wrong usage, 3 --status: not running.
TEXT
}

# ---------------------------------------------------------------- artifacts

fetch_one() {
  local path=$1 target=$cache/lib/${1##*/}
  if ! curl -fsSL --retry 3 --connect-timeout 20 -o "$target.part" "$repository/$path"; then
    say "could not fetch $path"
    rm -f "$target.part"
    return 1
  fi
  mv "$target.part" "$target"
}

# Every artifact is there and is what jars.sha256 says.
verified() {
  (cd "$cache/lib" && sed 's, [^ ]*/, ,' "$source_folder/jars.sha256" | sha256sum --check --quiet --status) 2>/dev/null
}

fetch() {
  local stamp
  mkdir -p "$cache/lib"
  exec 8>>"$cache/lock"
  flock 8
  # Hashing 47 MB at each start would cost a second: once for each list is enough.
  stamp=$cache/verified-$(sha256sum <"$source_folder/jars.sha256" | cut -c1-16)
  if [[ ! -f $stamp ]]; then
    if ! verified; then
      say "fetching Apache Kafka from Maven Central (47 MB, once)"
      rm -f "$cache"/lib/*
      export -f fetch_one say
      export cache repository
      cut -c67- "$source_folder/jars.sha256" | xargs -P 4 -I{} bash -c 'fetch_one {}' ||
        fail 1 "Kafka could not be fetched; set STARLING_MAVEN_REPOSITORY to a mirror of Maven Central if there is one"
      verified || { rm -f "$cache"/lib/*; fail 1 "a fetched artifact has a wrong checksum; nothing of it is kept"; }
    fi
    touch "$stamp"
  fi
  exec 8>&-
}

# ---------------------------------------------------------------- processes

# identity PID: start time in clock ticks since boot, so that a process number that was
# given away again is not taken for ours.
identity() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# node_pid N: prints the node's process if it runs; fails otherwise.
node_pid() {
  local pid start
  read -r pid start 2>/dev/null <"$data/node-$1/pid" || return 1
  [[ -n $start && "$(identity "$pid")" == "$start" ]] || return 1
  [[ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1)" != Z ]] || return 1
  echo "$pid"
}

# end_node N SIGNAL: the node is gone on return.
end_node() {
  local pid rounds=200
  pid=$(node_pid "$1") || { rm -f "$data/node-$1/pid"; return 0; }
  # One that is stopped would not hear TERM.
  kill -"$2" "$pid" 2>/dev/null || true
  kill -CONT "$pid" 2>/dev/null || true
  while ((rounds-- > 0)) && node_pid "$1" >/dev/null; do sleep 0.1; done
  if node_pid "$1" >/dev/null; then
    say "node $1 (process $pid) did not end within 20 s: killing it"
    kill -KILL "$pid" 2>/dev/null || true
    while node_pid "$1" >/dev/null; do sleep 0.05; done
  fi
  rm -f "$data/node-$1/pid"
}

end_all() {
  local folder waits=()
  for folder in "$data"/node-*; do
    [[ -f $folder/pid ]] || continue
    end_node "${folder##*-}" TERM &
    waits+=($!)
  done
  ((${#waits[@]} == 0)) || wait "${waits[@]}" || true
  rm -f "$data/env"
}

java_kafka() {
  java -Djava.net.preferIPv4Stack=true -cp "$cache/lib/*" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
    -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS "$@"
}

# start_node N: returns at once; the process is in DATA/node-N/pid.
start_node() {
  local folder=$data/node-$1 guard=()
  if node_pid "$1" >/dev/null; then return 0; fi
  if [[ $foreground == yes ]]; then guard=(setpriv --pdeathsig TERM); fi
  : >"$folder/log"
  local heap
  read -ra heap <<<"${KAFKA_HEAP_OPTS:--Xms128m -Xmx512m}"
  # C1 alone: this broker shares few cores with what it serves and lives for minutes, of
  # which C2 takes a quarter of a core for the first ones.
  # A session of its own: Ctrl-C in a terminal is not for it.  exec: the process that
  # is remembered is Java's.
  setsid "${guard[@]}" bash -c "$give_way" bash java "${heap[@]}" -XX:+UseG1GC -XX:MaxGCPauseMillis=10 -XX:TieredStopAtLevel=1 \
    -Djava.awt.headless=true -Djava.net.preferIPv4Stack=true -cp "$cache/lib/*" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true \
    -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
    kafka.Kafka "$folder/server.properties" </dev/null >>"$folder/log" 2>&1 &
  local pid=$!
  disown
  echo "$pid $(identity "$pid")" >"$folder/pid"
}

await_node() {
  local folder=$data/node-$1 rounds=900
  until grep -q 'Kafka Server started' "$folder/log"; do
    if ! node_pid "$1" >/dev/null || ((rounds-- == 0)); then
      tail -n 8 "$folder/log" >&2
      end_all
      fail 1 "node $1 did not come up (its output: $folder/log)"
    fi
    sleep 0.1
  done
}

# ---------------------------------------------------------------- configuration

port_is_free() { ! (exec 7<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range from which the kernel takes ports for outgoing connections.
free_ports() {
  local base tries=200 i free
  while ((tries-- > 0)); do
    base=$((20000 + RANDOM % 12000))
    free=yes
    for ((i = 0; i < 2 * nodes; ++i)); do port_is_free $((base + i)) || { free=no; break; }; done
    if [[ $free == yes ]]; then echo "$base"; return; fi
  done
  fail 1 "no free ports between 20000 and 32000"
}

broker_port() { echo $((port + 2 * ($1 - 1))); }
controller_port() { echo $((port + 2 * ($1 - 1) + 1)); }

bootstrap() {
  local list= i
  for ((i = 1; i <= nodes; ++i)); do list+=${list:+,}127.0.0.1:$(broker_port "$i"); done
  echo "$list"
}

voters() {
  local list= i
  for ((i = 1; i <= nodes; ++i)); do list+=${list:+,}$i@127.0.0.1:$(controller_port "$i"); done
  echo "$list"
}

secret() { head -c 18 /dev/urandom | base64 | tr '+/' 'ab'; }

# A certificate for 127.0.0.1, an authority of its own, and a password for each user.
make_secrets() {
  local tls=$data/tls user
  mkdir -p "$tls"
  {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=starling-test-kafka-ca \
      -keyout "$tls/ca.key" -out "$tls/ca.pem"
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1 \
      -keyout "$tls/broker.key" -out "$tls/broker.csr"
    openssl x509 -req -in "$tls/broker.csr" -CA "$tls/ca.pem" -CAkey "$tls/ca.key" -CAcreateserial -days 30 \
      -extfile <(echo 'subjectAltName=IP:127.0.0.1,DNS:localhost') -out "$tls/broker.pem"
  } 2>"$tls/log" || { cat "$tls/log" >&2; fail 1 "openssl could not make the brokers' certificate"; }
  cat "$tls/broker.key" "$tls/broker.pem" >"$tls/broker-both.pem"
  for user in "${users[@]}"; do
    cat >"$data/client-$user.conf" <<TEXT
security.protocol=SASL_SSL
sasl.mechanism=SCRAM-SHA-512
sasl.username=$user
sasl.password=$(secret)
ssl.ca.location=$tls/ca.pem
TEXT
  done
}

password() { sed -n 's/^sasl.password=//p' "$data/client-$1.conf"; }

# configure_node N: small enough for several on one machine; quick to notice that a node is
# gone.  A single one has nobody to hand over to: taken for gone while it is only slow, it
# would lose its transactions' state on the way back.
configure_node() {
  local folder=$data/node-$1 copies=$nodes in_sync=$((nodes > 1 ? 2 : 1)) client=PLAINTEXT
  local gone_after_ms=$((nodes > 1 ? 3000 : 30000))
  if [[ $sasl == yes ]]; then client=SASL_SSL; fi
  mkdir -p "$folder"
  cat >"$folder/server.properties" <<TEXT
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$(voters)
listeners=$client://127.0.0.1:$(broker_port "$1"),CONTROLLER://127.0.0.1:$(controller_port "$1")
advertised.listeners=$client://127.0.0.1:$(broker_port "$1")
listener.security.protocol.map=CONTROLLER:PLAINTEXT,$client:$client
controller.listener.names=CONTROLLER
inter.broker.listener.name=$client
log.dirs=$folder/data
auto.create.topics.enable=false
default.replication.factor=$copies
min.insync.replicas=$in_sync
unclean.leader.election.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=$copies
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=$copies
transaction.state.log.min.isr=$in_sync
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=$gone_after_ms
controlled.shutdown.enable=true
TEXT
  if [[ $sasl == yes ]]; then
    # Without a password only the controllers' listener, which is loopback's.
    cat >>"$folder/server.properties" <<TEXT
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$(password admin)";
ssl.keystore.type=PEM
ssl.keystore.location=$data/tls/broker-both.pem
ssl.truststore.type=PEM
ssl.truststore.location=$data/tls/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:admin;User:ANONYMOUS
allow.everyone.if.no.acl.found=false
TEXT
  fi
}

# format_node N CLUSTER
format_node() {
  local scram=() user
  if [[ $sasl == yes ]]; then
    for user in "${users[@]}"; do
      scram+=(--add-scram "SCRAM-SHA-512=[name=$user,password=$(password "$user")]")
    done
  fi
  java_kafka -Xmx128m kafka.tools.StorageTool format --cluster-id "$2" --ignore-formatted \
    --config "$data/node-$1/server.properties" "${scram[@]}" >"$data/node-$1/log" 2>&1 ||
    { tail -n 5 "$data/node-$1/log" >&2; return 1; }
}

make_cluster() {
  local i id waits=() wait_for
  if [[ $port == 0 ]]; then port=$(free_ports); fi
  mkdir -p "$data"
  umask 077
  if [[ $sasl == yes ]]; then make_secrets; fi
  # A cluster's id may not begin with a dash.
  id=s$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c2-21)A
  for ((i = 1; i <= nodes; ++i)); do
    configure_node "$i"
    format_node "$i" "$id" &
    waits+=($!)
  done
  for wait_for in "${waits[@]}"; do wait "$wait_for" || fail 1 "the data folder could not be formatted"; done
  printf 'nodes=%s port=%s sasl=%s\n' "$nodes" "$port" "$sasl" >"$data/cluster"
}

print_env() {
  local i
  echo "KAFKA_BOOTSTRAP=$(bootstrap)"
  echo "KAFKA_NODES=$nodes"
  echo "KAFKA_DATA=$data"
  if [[ $sasl == yes ]]; then echo "KAFKA_CONFIG=$data/client-admin.conf"; fi
  for ((i = 1; i <= nodes; ++i)); do echo "KAFKA_PID_$i=$(node_pid "$i" || true)"; done
}

# Sets nodes, port and sasl to those that the folder was made with; fails if there is none.
read_cluster() {
  local line
  read -r line 2>/dev/null <"$data/cluster" || return 1
  [[ $line =~ ^nodes=([13])\ port=([0-9]+)\ sasl=(yes|no)$ ]] || return 1
  nodes=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]} sasl=${BASH_REMATCH[3]}
}

start_all() {
  local i wanted_nodes=$nodes wanted_sasl=$sasl wanted_port=$port running=yes
  command -v java >/dev/null || fail 2 "no java here; ./run kafka installs default-jre-headless"
  if read_cluster; then
    if [[ -n $wanted_nodes && $wanted_nodes != "$nodes" ]] || [[ $wanted_sasl == yes && $sasl == no ]] ||
      [[ -n $wanted_port && $wanted_port != 0 && $wanted_port != "$port" ]]; then
      fail 2 "$data holds a cluster of $nodes node(s) at port $port (sasl: $sasl); --fresh replaces it"
    fi
  else
    nodes=${wanted_nodes:-1} port=${wanted_port:-19092}
    make_cluster
  fi
  for ((i = 1; i <= nodes; ++i)); do node_pid "$i" >/dev/null || running=no; done
  if [[ $running == no ]]; then
    for ((i = 1; i <= nodes; ++i)); do
      node_pid "$i" >/dev/null && continue
      port_is_free "$(broker_port "$i")" ||
        fail 1 "port $(broker_port "$i") is taken by another process; choose another with --port P --fresh"
    done
    for ((i = 1; i <= nodes; ++i)); do start_node "$i"; done
    for ((i = 1; i <= nodes; ++i)); do await_node "$i"; done
  fi
  print_env >"$data/env.part"
  mv "$data/env.part" "$data/env"
  cat "$data/env"
}

# ---------------------------------------------------------------- commands

nodes= port= data=$root/out/kafka/data sasl=no fresh=no foreground=no action=start node=

while (($# > 0)); do
  case "$1" in
    --nodes | --port | --data)
      (($# >= 2)) || fail 2 "$1 needs a value"
      printf -v "${1#--}" '%s' "$2"; shift ;;
    --kill-node | --stop-node | --start-node)
      (($# >= 2)) || fail 2 "$1 needs a node's number"
      action=${1#--} node=$2; shift ;;
    --stop | --status | --env) action=${1#--} ;;
    --tool)
      (($# >= 2)) || fail 2 "--tool needs a class"
      shift
      fetch
      java_kafka -Xmx256m "$@"
      exit ;;
    --sasl) sasl=yes ;;
    --fresh) fresh=yes ;;
    --foreground) foreground=yes ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; fail 2 "unknown option: $1" ;;
  esac
  shift
done
[[ -z $nodes || $nodes =~ ^[13]$ ]] || fail 2 "--nodes takes 1 or 3, not '$nodes'"
[[ -z $port ]] || { [[ $port =~ ^[0-9]{1,5}$ ]] && ((port <= 65529)); } || fail 2 "--port takes a port, not '$port'"
[[ $data == /* ]] || data=$here/$data
data=$(readlink -m "$data")
# In the server's properties a space is fine, an end of line is not.
[[ $data != *$'\n'* ]] || fail 2 "--data has an end of line in it"

case "$action" in
  start)
    fetch
    if [[ $fresh == yes ]]; then
      end_all
      rm -rf "$data"/node-[0-9] "$data"/{cluster,env,tls} "$data"/client-*.conf
    fi
    if [[ $foreground == yes ]]; then
      trap 'trap "" INT TERM HUP; end_all' EXIT
      trap 'exit 0' INT TERM HUP
      start_all
      # Interrupted by the signals above, unlike a child in the foreground.
      while :; do sleep 1 & wait $!; done
    fi
    start_all ;;
  stop) end_all ;;
  status)
    read_cluster || { echo "no cluster in $data"; exit 3; }
    code=0
    for ((i = 1; i <= nodes; ++i)); do
      if pid=$(node_pid "$i"); then
        echo "node $i at 127.0.0.1:$(broker_port "$i"): process $pid"
      else
        echo "node $i: not running"; code=3
      fi
    done
    exit "$code" ;;
  env)
    [[ -f $data/env ]] && read_cluster || fail 1 "no cluster runs in $data"
    print_env ;;
  kill-node | stop-node | start-node)
    read_cluster || fail 1 "no cluster in $data"
    { [[ $node =~ ^[123]$ ]] && ((node <= nodes)); } || fail 2 "there is no node '$node'"
    case "$action" in
      kill-node) end_node "$node" KILL ;;
      stop-node) end_node "$node" TERM ;;
      start-node) start_node "$node"; await_node "$node" ;;
    esac ;;
esac
