# What must hold besides for acting without a person.
package middlewatch

import rego.v1

default alone := false

alone if {
	count(incomplete) == 0
	auto_mode
	not_critical
	safe
	confident
	low_stakes
	seen_enough
	breach_seen
	not_severe
	first_today
	nobody_has_it
	steady
	not_by_a_person
	no_storm
}

auto_mode if input.service.mode == "auto"

not_critical if input.service.tier in {"standard", "best-effort"}

safe if input.assessment.decision == "SAFE"

confident if input.assessment.confidence >= data.limits.confidence

low_stakes if input.assessment.risk in {"low", "medium"}

seen_enough if input.assessment.gaps <= data.limits.gaps

breach_seen if input.breach_confirmed == true

not_severe if input.severity in {"unknown", "low", "medium", "high"}

recent := [action | some action in input.history.actions; action.hours_ago < data.limits.again_after_hours]

first_today if count(recent) == 0

nobody_has_it if input.acknowledged == false

steady if input.flapping == false

not_by_a_person if input.proposal.by_person == false

# The same, for people to read.

doubts contains sprintf("the service is in mode %s", [input.service.mode]) if not auto_mode

doubts contains sprintf("the service is %s", [input.service.tier]) if not not_critical

doubts contains sprintf("the assessment says %s", [input.assessment.decision]) if not safe

doubts contains sprintf("the assessment is not sure enough (%v of %v)", [
	input.assessment.confidence,
	data.limits.confidence,
]) if not confident

doubts contains sprintf("the risk is %s", [input.assessment.risk]) if not low_stakes

doubts contains sprintf("%v sources could not be read", [input.assessment.gaps]) if not seen_enough

doubts contains "we did not see the breach ourselves" if not breach_seen

doubts contains sprintf("the severity is %s", [input.severity]) if not not_severe

doubts contains sprintf("actions on this target in the last %v h: %v", [
	data.limits.again_after_hours,
	count(recent),
]) if not first_today

doubts contains "a person has taken the incident" if not nobody_has_it

doubts contains "an alert is flapping" if not steady

doubts contains "a person proposed it, so another one has to agree" if not not_by_a_person
