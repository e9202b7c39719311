# Serves an order every ten seconds, until the parameter gets a new version: from then on every order of this task fails.
version() { aws ssm get-parameter --name "$BREAK" --query Parameter.Version --output text; }
say() { printf '{"level":"%s","message":"%s","ClusterName":"%s","ServiceName":"%s"}\n' "$1" "$2" "$CLUSTER" "$SERVICE"; }

trap 'exit 0' TERM
at_start=$(version) || exit 1
broken=
while :; do
  now=$(version) || now=$at_start
  [ "$now" = "$at_start" ] || broken=yes
  if [ "$broken" ]; then
    say error "order failed: a lock was never given back"
  else
    say info "order served"
  fi
  sleep 10
done
