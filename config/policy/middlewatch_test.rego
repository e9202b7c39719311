# `middlewatch policy test` asks the policy for a decision on the `input` of every rule `test_...` here, with its `limits`,
# and compares what it says with all that is `expected`. `change` is laid over `input` first: objects are merged all the
# way down, anything else is replaced. (Not `with input as`: the engine does not take it everywhere.)
package middlewatch_test

import rego.v1

# Everything speaks for acting without a person.
fine := {
	"target": "ecs:123456789012:eu-west-1:shop/orders",
	"severity": "high",
	"breach_confirmed": true,
	"acknowledged": false,
	"flapping": false,
	"strange": false,
	"switch": "running",
	"fleet": {"stopped": false, "words": ""},
	"proposal": {
		"id": "p1",
		"hash": "h1",
		"author": "rules",
		"by_person": false,
		"action": "restart_service",
		"target": "ecs:123456789012:eu-west-1:shop/orders",
		"inputs": {},
		"expires_in_seconds": 1800,
	},
	"service": {
		"name": "orders",
		"target": "ecs:123456789012:eu-west-1:shop/orders",
		"tier": "standard",
		"owner": "commerce",
		"mode": "auto",
		"approvers": ["on-call"],
		"able": ["ana", "cy"],
		"actions": ["restart_service", "rollback_service", "scale_service"],
		"scale": {"least": 2, "most": 6},
	},
	"alerts": [{"title": "orders-5xx", "state": "firing", "severity": "high"}],
	"assessment": {"decision": "SAFE", "confidence": 0.9, "risk": "low", "gaps": 0},
	"history": {"actions": [], "actions_this_hour": 0, "actions_this_hour_on_target": 0, "actions_this_hour_of_source": 0},
	"approvals": [],
	"time": {"at": "2026-11-21T03:00:00Z", "hour": 3, "weekday": 6},
}

limits := {
	"confidence": 0.8,
	"gaps": 2,
	"again_after_hours": 24,
	"actions_per_hour": 10,
	"actions_per_target_per_hour": 2,
	"actions_per_source_per_hour": 6,
	"actions_reserved": 2,
	"approval_seconds": 1800,
	"quorum": {"critical": 2, "standard": 1, "best-effort": 1},
	"verification": {"critical": "both", "standard": "auto", "best-effort": "auto"},
}

# What the policy must say after a change of `fine`.
after(change, verdict) := expects(change, {"verdict": verdict})

# The same with the one reason that there is, so that nothing is refused or asked for another reason than the test means.
refuses(change, reason) := expects(change, {"verdict": "deny", "reasons": [reason]})

asks(change, reason) := expects(change, {"verdict": "ask", "reasons": [reason]})

expects(change, expected) := {"input": fine, "change": change, "limits": limits, "expected": expected}

agreed(people) := {"approvals": [{"person": person, "proposal_hash": "h1"} | some person in people]}

critical := {"service": {"tier": "critical", "mode": "approve"}}

# Alone

test_goes_when_every_condition_holds := after({}, "go")

test_approve_asks := asks({"service": {"mode": "approve"}}, "the service is in mode approve")

test_a_critical_service_asks_even_in_auto := asks({"service": {"tier": "critical"}}, "the service is critical")

test_escalate_asks := asks({"assessment": {"decision": "ESCALATE"}}, "the assessment says ESCALATE")

test_an_unsure_assessment_asks := asks({"assessment": {"confidence": 0.79}}, "the assessment is not sure enough (0.79 of 0.8)")

test_just_sure_enough_goes := after({"assessment": {"confidence": 0.8}}, "go")

test_high_risk_asks := asks({"assessment": {"risk": "high"}}, "the risk is high")

test_medium_risk_goes := after({"assessment": {"risk": "medium"}}, "go")

test_three_gaps_ask := asks({"assessment": {"gaps": 3}}, "3 sources could not be read")

test_two_gaps_go := after({"assessment": {"gaps": 2}}, "go")

test_a_breach_that_we_did_not_see_asks := asks({"breach_confirmed": false}, "we did not see the breach ourselves")

test_a_breach_that_nobody_could_read_asks := asks({"breach_confirmed": null}, "we did not see the breach ourselves")

test_critical_severity_asks := asks({"severity": "critical"}, "the severity is critical")

test_a_second_action_within_a_day_asks := asks({"history": {"actions": [yesterday(23.9)]}}, "actions on this target in the last 24 h: 1")

test_an_action_of_the_day_before_goes := after({"history": {"actions": [yesterday(24)]}}, "go")

test_an_incident_that_somebody_took_asks := asks({"acknowledged": true}, "a person has taken the incident")

test_a_flapping_alert_asks := asks({"flapping": true}, "an alert is flapping")

test_a_storm_asks := asks({"fleet": {"stopped": true, "words": "12 of 20 are unhealthy"}}, "12 of 20 are unhealthy")

test_in_a_storm_people_may_agree := after(
	object.union({"fleet": {"stopped": true, "words": "12 of 20 are unhealthy"}}, agreed(["ana"])),
	"go",
)

test_without_the_state_of_the_fleet_is_no := refuses({"fleet": {"stopped": null}}, "fleet.stopped is not known, or of the wrong type")

test_without_words_of_the_fleet_is_no := refuses({"fleet": {"words": null}}, "fleet.words is not known, or of the wrong type")

test_what_a_person_proposed_asks := asks({"proposal": {"by_person": true}}, "a person proposed it, so another one has to agree")

yesterday(hours) := {"action": "restart_service", "standing": "verified", "hours_ago": hours}

# People

test_one_entitled_person_is_enough_for_a_standard_service := after(object.union({"service": {"mode": "approve"}}, agreed(["ana"])), "go")

test_a_quorum_of_two_wants_two := after(object.union(critical, agreed(["ana"])), "ask")

test_two_people_are_a_quorum_of_two := after(object.union(critical, agreed(["ana", "cy"])), "go")

test_the_same_person_twice_is_one := after(object.union(critical, agreed(["ana", "ana"])), "ask")

test_a_stranger_does_not_count := after(object.union(critical, agreed(["ana", "eve"])), "ask")

mine := {"service": {"mode": "approve"}, "proposal": {"author": "ana", "by_person": true}}

test_nobody_agrees_to_their_own_proposal := after(object.union(mine, agreed(["ana"])), "ask")

test_somebody_else_agrees_to_it := after(object.union(mine, agreed(["cy"])), "go")

test_an_approval_of_another_proposal_does_not_count := asks({"service": {"mode": "approve"}, "approvals": [{"person": "ana", "proposal_hash": "h0"}]}, "the service is in mode approve")

test_no_approvers_means_nobody := expects({"service": {"mode": "approve", "approvers": [], "able": []}}, {
	"verdict": "deny",
	"reasons": ["the service is in mode approve", "too few people may approve this"],
})

test_fewer_approvers_than_the_quorum_is_no := after({"service": {"tier": "critical", "mode": "approve", "able": ["ana"]}}, "deny")

test_agreement_does_not_lift_what_is_forbidden := refuses(
	object.union({"switch": "stopped", "service": {"mode": "approve"}}, agreed(["ana", "cy"])),
	"the kill switch is stopped",
)

# Whoever asks

test_observe_is_no := refuses({"service": {"mode": "observe"}}, "the service is in mode observe")

test_an_unknown_mode_is_no := refuses({"service": {"mode": "yolo"}}, "the service is in mode yolo")

test_an_unknown_tier_is_no := expects({"service": {"tier": "silver"}}, {
	"verdict": "deny",
	"reasons": [not_known("limits.quorum"), not_known("limits.verification")],
})

test_a_target_outside_the_inventory_is_no := refuses({"service": null}, "the target is not in the inventory")

test_another_target_than_the_services_is_no := refuses({"service": {"target": "ecs:1:r:shop/search"}}, "the proposal is for another target than the incident's")

test_another_target_than_the_incidents_is_no := refuses({"target": "ecs:1:r:shop/search"}, "the proposal is for another target than the incident's")

test_an_action_that_is_not_listed_is_no := refuses({"service": {"actions": ["rollback_service"]}}, "restart_service is not among the actions of this service")

test_an_action_that_nobody_knows_is_no := refuses({"proposal": {"action": "drop_table"}, "service": {"actions": ["drop_table"]}}, "drop_table has inputs that are missing or out of bounds")

test_a_stopped_switch_is_no := refuses({"switch": "stopped"}, "the kill switch is stopped")

test_an_unreadable_switch_is_no := refuses({"switch": "unreadable"}, "the kill switch is unreadable")

test_a_cleared_alarm_is_no := refuses({"alerts": [cleared]}, "no alert fires any more")

test_one_alarm_still_firing_goes := after({"alerts": [cleared, fine.alerts[0]]}, "go")

test_an_alarm_that_nobody_can_read_still_counts := after({"alerts": [{"title": "orders-5xx", "state": "unknown", "severity": "high"}]}, "go")

test_an_expired_proposal_is_no := refuses({"proposal": {"expires_in_seconds": 0}}, "the proposal has expired")

test_a_strange_timeline_is_no := refuses({"strange": true}, "the timeline holds facts that this release does not know")

test_the_eighth_action_of_the_hour_goes := after({"history": {"actions_this_hour": 7}}, "go")

test_the_ninth_action_of_the_hour_is_kept_for_critical_services := refuses({"history": {"actions_this_hour": 8}}, "too many actions in all this hour")

test_the_tenth_action_of_the_hour_is_there_for_a_critical_service := after(object.union(critical, {"history": {"actions_this_hour": 9}}), "ask")

test_the_eleventh_action_of_the_hour_is_no_for_any := refuses(object.union(critical, {"history": {"actions_this_hour": 10}}), "too many actions in all this hour")

test_the_sixth_action_because_of_one_source_goes := after({"history": {"actions_this_hour_of_source": 5}}, "go")

test_the_seventh_action_because_of_one_source_is_no := refuses({"history": {"actions_this_hour_of_source": 6}}, "too many actions this hour because of this source")

test_no_source_uses_up_what_a_critical_service_may_have_done := after(object.union(critical, {"history": {"actions_this_hour_of_source": 6}}), "ask")

test_the_second_action_here_this_hour_goes := after({"history": {"actions_this_hour_on_target": 1}}, "go")

test_the_third_action_here_this_hour_is_no := refuses({"history": {"actions_this_hour_on_target": 2}}, "too many actions on this target this hour")

cleared := {"title": "orders-5xx", "state": "resolved", "severity": "high"}

# Inputs of actions

test_rollback_names_its_revision := after(rollback({"task_definition": "orders:6"}), "go")

test_rollback_to_nothing_is_no := refuses(rollback({}), "rollback_service has inputs that are missing or out of bounds")

test_rollback_to_an_empty_name_is_no := refuses(rollback({"task_definition": ""}), "rollback_service has inputs that are missing or out of bounds")

test_rollback_to_a_number_is_no := refuses(rollback({"task_definition": 6}), "rollback_service has inputs that are missing or out of bounds")

test_scale_to_the_least_goes := after(scale(2), "go")

test_scale_to_the_most_goes := after(scale(6), "go")

test_scale_below_the_least_is_no := refuses(scale(1), "scale_service has inputs that are missing or out of bounds")

test_scale_above_the_most_is_no := refuses(scale(7), "scale_service has inputs that are missing or out of bounds")

test_scale_to_nothing_is_no := refuses(scale(0), "scale_service has inputs that are missing or out of bounds")

test_scale_to_a_part_of_a_task_is_no := refuses(scale(3.5), "scale_service has inputs that are missing or out of bounds")

test_scale_to_a_word_is_no := refuses(scale("3"), "scale_service has inputs that are missing or out of bounds")

test_scale_without_bounds_is_no := refuses(object.union(scale(3), {"service": {"scale": null}}), "scale_service has inputs that are missing or out of bounds")

rollback(inputs) := {"proposal": {"action": "rollback_service", "inputs": inputs}}

scale(tasks) := {"proposal": {"action": "scale_service", "inputs": {"desired_count": tasks}}}

# The answer

test_the_answer_says_what_a_request_needs := expects(critical, {
	"verdict": "ask",
	"reasons": ["the service is critical", "the service is in mode approve"],
	"quorum": 2,
	"approvers": ["on-call"],
	"expires_seconds": 1800,
	"remind_seconds": 900,
	"verification": "both",
})

test_a_refusal_says_every_reason := expects({"switch": "stopped", "service": {"mode": "observe"}}, {
	"verdict": "deny",
	"reasons": ["the kill switch is stopped", "the service is in mode observe"],
})

test_an_incomplete_input_says_what_is_missing := expects({"assessment": {"confidence": "very"}}, {
	"verdict": "deny",
	"reasons": [not_known("assessment.confidence")],
})

# What cannot be is not known, however well it would suit.

test_more_than_certain_is_no := refuses({"assessment": {"confidence": 1.01}}, not_known("assessment.confidence"))

test_certain_goes := after({"assessment": {"confidence": 1}}, "go")

test_fewer_than_no_gaps_is_no := refuses({"assessment": {"gaps": -1}}, not_known("assessment.gaps"))

test_fewer_than_no_actions_is_no := refuses({"history": {"actions_this_hour": -1}}, not_known("history.actions_this_hour"))

test_an_action_of_another_century_is_no := refuses({"history": {"actions": [yesterday(1000000)]}}, not_known("history.actions"))

test_an_action_of_a_clock_ahead_of_ours_is_recent := after({"history": {"actions": [yesterday(-1)]}}, "ask")

test_a_proposal_for_years_is_no := refuses({"proposal": {"expires_in_seconds": 100000000}}, not_known("proposal.expires_in_seconds"))

test_a_nameless_author_is_no := refuses({"proposal": {"author": ""}}, not_known("proposal.author"))

test_bounds_that_let_a_service_vanish_are_no := refuses(object.union(scale(0), {"service": {"scale": {"least": 0}}}), not_known("service.scale"))

not_known(fact) := concat(" ", [fact, "is not known, or of the wrong type"])

test_a_target_outside_the_inventory_is_said := expects({"service": null}, {
	"verdict": "deny",
	"reasons": ["the target is not in the inventory"],
})

test_people_who_agreed_are_named := expects(object.union({"service": {"mode": "approve"}}, agreed(["ana"])), {
	"verdict": "go",
	"reasons": ["ana agreed", "the service is in mode approve"],
})
