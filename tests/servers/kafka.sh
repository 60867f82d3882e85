#!/bin/bash
# One Apache Kafka broker that is its own controller. The controller's port is the third argument.
# shellcheck source=serve.sh
. "$(dirname "$0")/serve.sh"
[ -d "$installed/kafka" ] || fail "not installed: run tests/servers/install.sh"
controller=${3:-$((port + 1))}
cat > "$directory/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$directory/kafka-data
num.partitions=3
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
END
run=(java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$installed/kafka/*")
"${run[@]}" kafka.tools.StorageTool format --standalone -t 4L6g3nShT-eMCtK--X86sw -c "$directory/server.properties" \
    > "$directory/kafka-format.log" 2>&1 || { tail -n 20 "$directory/kafka-format.log" >&2 && fail "formatting failed"; }
serve listens -- "${run[@]}" kafka.Kafka "$directory/server.properties"
