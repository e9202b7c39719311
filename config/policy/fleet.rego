# While too much of the fleet is unhealthy, nothing runs without a person: what ails many at once, restarting each does
# not cure. `input.fleet` says whether that is so, and why (`storm` in services.yaml; functions/policy_gate/fleet.py).
package middlewatch

import rego.v1

incomplete contains "fleet.stopped" if not is_boolean(input.fleet.stopped)

incomplete contains "fleet.words" if not is_string(input.fleet.words)

no_storm if input.fleet.stopped == false

doubts contains input.fleet.words if not no_storm
