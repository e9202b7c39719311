# What must hold whoever asks, with or without a person.
package middlewatch

import rego.v1

default permitted := false

permitted if {
	count(incomplete) == 0
	right_target
	listed_action
	sound_inputs
	acting_mode
	switched_on
	still_firing
	in_time
	understood
	within_the_hour
	within_the_hour_here
	within_the_hour_of_its_source
}

right_target if {
	input.proposal.target == input.service.target
	input.proposal.target == input.target
}

listed_action if input.proposal.action in input.service.actions

sound_inputs if input.proposal.action == "restart_service"

sound_inputs if {
	input.proposal.action == "rollback_service"
	is_string(input.proposal.inputs.task_definition)
	input.proposal.inputs.task_definition != ""
}

sound_inputs if {
	input.proposal.action == "scale_service"
	is_number(input.proposal.inputs.desired_count)
	floor(input.proposal.inputs.desired_count) == input.proposal.inputs.desired_count
	input.proposal.inputs.desired_count >= input.service.scale.least
	input.proposal.inputs.desired_count <= input.service.scale.most
}

acting_mode if input.service.mode in {"approve", "auto"}

switched_on if input.switch == "running"

still_firing if {
	some alert in input.alerts
	alert.state != "resolved"
}

in_time if input.proposal.expires_in_seconds > 0

understood if input.strange == false

# Critical services have the last actions of an hour to themselves, whatever the source of the alert has used up.
critical if input.service.tier == "critical"

within_the_hour if {
	not critical
	input.history.actions_this_hour < data.limits.actions_per_hour - data.limits.actions_reserved
}

within_the_hour if {
	critical
	input.history.actions_this_hour < data.limits.actions_per_hour
}

within_the_hour_of_its_source if critical

within_the_hour_of_its_source if {
	not critical
	input.history.actions_this_hour_of_source < data.limits.actions_per_source_per_hour
}

within_the_hour_here if input.history.actions_this_hour_on_target < data.limits.actions_per_target_per_hour

# The same, for people to read.

forbidden contains "the proposal is for another target than the incident's" if not right_target

forbidden contains sprintf("%s is not among the actions of this service", [input.proposal.action]) if not listed_action

forbidden contains sprintf("%s has inputs that are missing or out of bounds", [input.proposal.action]) if not sound_inputs

forbidden contains sprintf("the service is in mode %s", [input.service.mode]) if not acting_mode

forbidden contains sprintf("the kill switch is %s", [input.switch]) if not switched_on

forbidden contains "no alert fires any more" if not still_firing

forbidden contains "the proposal has expired" if not in_time

forbidden contains "the timeline holds facts that this release does not know" if not understood

forbidden contains "too many actions in all this hour" if not within_the_hour

forbidden contains "too many actions on this target this hour" if not within_the_hour_here

forbidden contains "too many actions this hour because of this source" if not within_the_hour_of_its_source
