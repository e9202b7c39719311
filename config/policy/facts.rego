# The facts that the policy needs, each of its type and within what it can be. One that is missing or is none makes the
# whole input incomplete, so that no rule elsewhere can be skipped by leaving out what it asks for, nor be met by nonsense.
package middlewatch

import rego.v1

incomplete contains "proposal.id" if not text(input.proposal.id)

incomplete contains "proposal.hash" if not text(input.proposal.hash)

incomplete contains "proposal.author" if not text(input.proposal.author)

incomplete contains "proposal.by_person" if not is_boolean(input.proposal.by_person)

incomplete contains "proposal.action" if not text(input.proposal.action)

incomplete contains "proposal.target" if not text(input.proposal.target)

incomplete contains "proposal.inputs" if not is_object(input.proposal.inputs)

incomplete contains "proposal.expires_in_seconds" if not at_most(input.proposal.expires_in_seconds, a_month)

incomplete contains "service.name" if not text(input.service.name)

incomplete contains "service.target" if not text(input.service.target)

incomplete contains "service.tier" if not text(input.service.tier)

incomplete contains "service.owner" if not text(input.service.owner)

incomplete contains "service.mode" if not text(input.service.mode)

incomplete contains "assessment.decision" if not text(input.assessment.decision)

incomplete contains "assessment.confidence" if not between(input.assessment.confidence, 0, 1)

incomplete contains "assessment.risk" if not text(input.assessment.risk)

incomplete contains "assessment.gaps" if not at_least(input.assessment.gaps, 0)

incomplete contains "history.actions_this_hour" if not at_least(input.history.actions_this_hour, 0)

incomplete contains "history.actions_this_hour_on_target" if not at_least(input.history.actions_this_hour_on_target, 0)

incomplete contains "history.actions_this_hour_of_source" if not at_least(input.history.actions_this_hour_of_source, 0)

incomplete contains "time.at" if not text(input.time.at)

incomplete contains "time.hour" if not between(input.time.hour, 0, 23)

incomplete contains "time.weekday" if not between(input.time.weekday, 1, 7)

incomplete contains "target" if not text(input.target)

incomplete contains "severity" if not text(input.severity)

incomplete contains "acknowledged" if not is_boolean(input.acknowledged)

incomplete contains "flapping" if not is_boolean(input.flapping)

incomplete contains "strange" if not is_boolean(input.strange)

incomplete contains "switch" if not text(input.switch)

incomplete contains "limits.confidence" if not between(data.limits.confidence, 0, 1)

incomplete contains "limits.gaps" if not at_least(data.limits.gaps, 0)

incomplete contains "limits.again_after_hours" if not between(data.limits.again_after_hours, 0, a_month / 3600)

incomplete contains "limits.actions_per_hour" if not at_least(data.limits.actions_per_hour, 0)

incomplete contains "limits.actions_per_target_per_hour" if not at_least(data.limits.actions_per_target_per_hour, 0)

incomplete contains "limits.actions_per_source_per_hour" if not at_least(data.limits.actions_per_source_per_hour, 0)

incomplete contains "limits.actions_reserved" if not at_least(data.limits.actions_reserved, 0)

incomplete contains "limits.approval_seconds" if not at_least(data.limits.approval_seconds, 0)

incomplete contains "limits.quorum" if not at_least(quorum, 1)

incomplete contains "limits.verification" if not data.limits.verification[input.service.tier] in {"auto", "human", "both"}

incomplete contains "service.approvers" if not texts(input.service.approvers)

incomplete contains "service.able" if not texts(input.service.able)

incomplete contains "service.actions" if not texts(input.service.actions)

incomplete contains "service.scale" if not scale

incomplete contains "breach_confirmed" if not breach

incomplete contains "alerts" if not alerts

incomplete contains "history.actions" if not actions

incomplete contains "approvals" if not approvals

# Seconds; no proposal stands longer, and nothing is remembered longer.
a_month := 2678400

# Names and digests; a thousand letters are none.
text(value) if {
	is_string(value)
	value != ""
	count(value) < 1000
}

# Anything may be compared with a number, and a text is more than any of them.
at_least(value, least) if {
	is_number(value)
	value >= least
}

at_most(value, most) if {
	is_number(value)
	value <= most
}

between(value, least, most) if {
	at_least(value, least)
	at_most(value, most)
}

texts(list) if {
	is_array(list)
	count([1 | some each in list; text(each)]) == count(list)
}

scale if is_null(input.service.scale)

# ECS runs 5,000 tasks of a service at most.
scale if {
	between(input.service.scale.most, 1, 5000)
	between(input.service.scale.least, 1, input.service.scale.most)
}

# true: we read the breach ourselves; false: we read that there is none; null: we could not tell.
breach if is_boolean(input.breach_confirmed)

breach if is_null(input.breach_confirmed)

alerts if {
	is_array(input.alerts)
	count(input.alerts) > 0
	count([1 | some each in input.alerts; an_alert(each)]) == count(input.alerts)
}

an_alert(each) if {
	is_string(each.title)
	each.state in {"firing", "resolved", "unknown"}
	text(each.severity)
}

actions if {
	is_array(input.history.actions)
	count([1 | some each in input.history.actions; an_action(each)]) == count(input.history.actions)
}

# One that is said to be of the future (two clocks) is a recent one; one from before a hundred months is none of ours.
an_action(each) if {
	text(each.action)
	text(each.standing)
	at_most(each.hours_ago, 100 * (a_month / 3600))
}

approvals if {
	is_array(input.approvals)
	count([1 | some each in input.approvals; an_approval(each)]) == count(input.approvals)
}

an_approval(each) if {
	text(each.person)
	text(each.proposal_hash)
}
