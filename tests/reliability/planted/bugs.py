"""Mistakes that somebody could make in this code, one at a time, each with the tests that have to notice it."""

from tests.reliability.planted.plant import Bug, Edit

DYNAMODB = "shared/integrations/dynamodb.py"
ECS = "shared/integrations/ecs.py"
SLACK = "shared/integrations/slack.py"
PERFORM = "shared/perform.py"
DECIDE = "shared/decide.py"
INCIDENT = "shared/incident.py"
INTAKE = "shared/intake.py"
PROJECTION = "shared/projection.py"
QUEUE = "shared/queue.py"
SEAL = "shared/seal.py"
CONFIGURATION = "shared/configuration.py"
GATE = "functions/policy_gate/gate.py"
INPUT = "functions/policy_gate/input.py"
ACT = "functions/ecs_action/act.py"
ANSWER = "functions/approval/answer.py"
PUBLISH = "functions/relay/publish.py"
JUDGE = "functions/verification/judge.py"
FOLLOW = "functions/lifecycle/follow.py"
REGO = "config/policy/middlewatch.rego"
PERMITTED = "config/policy/permitted.rego"

IN_STORE = "tests/contracts/test_store.py"
IN_ACT = "tests/ecs_action/test_act.py"
IN_CLICKS = "tests/approval/test_clicks.py"
IN_GATE = "tests/policy_gate/test_gate.py"
IN_POLICY = "tests/policy_gate/test_policy.py"
IN_RELAY = "tests/relay/test_publish.py"
IN_RING = "tests/timekeeper/test_ring.py"
IN_INTAKE = "tests/shared/test_intake.py"
IN_INCIDENT = "tests/shared/test_incident.py"
IN_DECIDE = "tests/shared/test_decide.py"
IN_DELIVER = "tests/shared/test_deliver.py"
IN_QUEUE = "tests/shared/test_queue.py"
IN_NOTIFY = "tests/notification/test_notify.py"
IN_SLACK = "tests/slack_api/test_app.py"
IN_JUDGE = "tests/verification/test_judge.py"
IN_READ = "tests/verification/test_read.py"
IN_FOLLOW = "tests/lifecycle/test_follow.py"
IN_TICKET = "tests/ticketing/test_ticket.py"
IN_ECS = "tests/shared/integrations/test_ecs.py"
IN_FORGING = "tests/reliability/test_forging.py"
IN_FLEET = "tests/policy_gate/test_fleet.py"
IN_CONFIGURATION = "tests/shared/test_configuration.py"

STORING = (
    Bug(
        "the compare-and-set of an append is dropped",
        (Edit(DYNAMODB, '                    "ConditionExpression": "attribute_not_exists(incident_id)",\n', ""),),
        (f"{IN_STORE}::test_an_append_behind_an_old_reading_is_a_conflict_and_leaves_nothing",),
        schedules=True,
    ),
    Bug(
        "timers are written after the fact, in a transaction of their own",
        (
            Edit(
                DYNAMODB,
                "        self._transact(new, writes)\n",
                '        self._transact(new, [each for each in writes if not getattr(each, "due", None)])\n'
                '        self._transact([], [each for each in writes if getattr(each, "due", None)])\n',
            ),
        ),
        ("tests/shared/integrations/test_dynamodb.py::test_a_fact_and_all_that_follows_from_it_are_one_transaction",),
        schedules=True,
    ),
    Bug(
        "a budget can be overdrawn by one",
        (Edit(DYNAMODB, '{"N": str(write.limit)}', '{"N": str(write.limit + 1)}'),),
        (f"{IN_STORE}::test_a_budget_is_spent_to_its_limit_and_no_further",),
        schedules=True,
    ),
    Bug(
        "a closed incident keeps its target",
        (Edit(PROJECTION, "                Release(keys.open_target(incident.identity)),\n", ""),),
        (f"{IN_INTAKE}::test_a_target_rings_anew_after_its_incident_closed",),
        schedules=True,
    ),
    Bug(
        "a clock that is behind puts an entry before its cause",
        (Edit("shared/entry.py", "at = max(now, after.at) if after else now", "at = now"),),
        ("tests/shared/test_entry.py::test_time_never_runs_backwards_on_a_timeline",),
    ),
    Bug(
        "a redelivered message is answered again",
        (Edit(DECIDE, "        if history.answered(caused_by, by=actor):\n            return history\n", ""),),
        (f"{IN_DECIDE}::test_a_redelivered_message_is_answered_once",),
    ),
    Bug(
        "a message is believed although the timeline says something else",
        (Edit(DECIDE, "if cause.hash != message.hash:", "if not cause.hash:"),),
        (f"{IN_DECIDE}::test_a_message_with_another_hash_than_the_timeline_is_refused",),
    ),
)

ACTING = (
    Bug(
        "the intent is forgotten",
        (
            Edit(
                PERFORM,
                """\
    history = acting.timeline.append(
        history, [started], actor=acting.name, caused_by=cause.id, now=now, also=acting.budgets(proposal, now)
    )
""",
                "",
            ),
        ),
        (f"{IN_ACT}::test_an_approved_restart_is_intended_done_and_recorded",),
        schedules=True,
    ),
    Bug(
        "it acts before it claims",
        (
            Edit(
                PERFORM,
                """\
    history = acting.timeline.append(
        history, [started],""",
                """\
    after = acting.effect.act(proposal)
    history = acting.timeline.append(
        history, [started],""",
            ),
            Edit(
                PERFORM,
                """\
    return _act(history, cause, proposal, acting)


def _act""",
                """\
    return _record(history, cause, _completed(proposal, after, acting, reconciled=False), acting)


def _act""",
            ),
        ),
        (f"{IN_ACT}::test_the_hours_budget_is_the_last_word",),
        schedules=True,
    ),
    Bug(
        "the budget is spent after the effect",
        (
            Edit(
                PERFORM,
                "caused_by=cause.id, now=now, also=acting.budgets(proposal, now)\n    )",
                "caused_by=cause.id, now=now\n    )",
            ),
            Edit(
                PERFORM,
                "        after = acting.effect.act(proposal)\n",
                "        after = acting.effect.act(proposal)\n"
                "        acting.timeline.write(*acting.budgets(proposal, acting.clock()))\n",
            ),
        ),
        (f"{IN_ACT}::test_the_hours_budget_is_the_last_word",),
        schedules=True,
    ),
    Bug(
        "an unclear outcome is taken for a failure",
        (
            Edit(
                PERFORM,
                """\
    except Unclear as unclear:
        raise Unavailable(str(unclear), retry_after=acting.dead_after.total_seconds()) from unclear
    except (Refused, Unavailable) as error:
""",
                "    except (Refused, Unavailable) as error:\n",
            ),
        ),
        (f"{IN_ACT}::test_a_lost_reply_is_learned_from_the_world_and_nothing_is_done_twice",),
        schedules=True,
    ),
    Bug(
        "an unclear outcome is tried again",
        (
            Edit(
                PERFORM,
                "        after = acting.effect.act(proposal)\n",
                """\
        try:
            after = acting.effect.act(proposal)
        except Unclear:
            after = acting.effect.act(proposal)
""",
            ),
        ),
        (f"{IN_ACT}::test_a_lost_reply_is_learned_from_the_world_and_nothing_is_done_twice",),
        schedules=True,
    ),
    Bug(
        "an intent without an outcome is acted on again, without a look at the world",
        (
            Edit(
                PERFORM,
                "return _reconcile(history, intent, proposal, acting)",
                "return _act(history, cause, proposal, acting)",
            ),
        ),
        (f"{IN_ACT}::test_a_lost_reply_is_learned_from_the_world_and_nothing_is_done_twice",),
        schedules=True,
    ),
    Bug(
        "the SDK tries a restart again",
        (Edit(ECS, 'retries={"total_max_attempts": 1}', 'retries={"mode": "standard"}'),),
        (f"{IN_ECS}::test_the_client_makes_one_attempt_a_call_and_gives_up_within_a_turn",),
    ),
    Bug(
        "an error of the server is taken for a no",
        (
            Edit(
                ECS,
                """\
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= FAILING:
        return Unclear(f"UpdateService answered {code}, which says neither yes nor no")
""",
                "",
            ),
        ),
        (
            f"{IN_ECS}::test_each_failure_says_whether_something_may_have_changed_and_is_asked_once",
            f"{IN_ACT}::test_a_lost_reply_is_learned_from_the_world_and_nothing_is_done_twice",
        ),
    ),
    Bug(
        "somebody else's deployment passes for our restart",
        (
            Edit(
                ACT,
                'return unchanged and bool(seen["deployment"] != before["deployment"])',
                'return bool(seen["deployment"] != before["deployment"])',
            ),
        ),
        (f"{IN_ACT}::test_somebody_elses_deployment_does_not_pass_for_our_restart",),
    ),
    Bug(
        "a deployment in progress is acted into",
        (Edit(ACT, 'if seen["rollout"] == "IN_PROGRESS" or seen["deployments"] > 1:', 'if seen["deployments"] > 9:'),),
        (f"{IN_ACT}::test_a_deployment_in_progress_is_waited_for_not_acted_into",),
    ),
    Bug(
        "an answer of the policy counts under any configuration",
        (Edit(ACT, "if approval(approved).config_digest != config.digest:", "if not config.digest:"),),
        (f"{IN_ACT}::test_an_answer_under_another_configuration_is_asked_again",),
    ),
    Bug(
        "an answer of the policy counts for ever",
        (Edit(ACT, "if now - approved.at > holds:", "if approved.at > now + holds:"),),
        (f"{IN_ACT}::test_an_old_answer_of_the_policy_is_asked_again",),
    ),
    Bug(
        "what is done is not held against what was approved",
        (Edit(ACT, "if proposal.hash != fact.proposal_hash:", "if not fact.proposal_hash:"),),
        (f"{IN_ACT}::test_a_proposal_altered_after_its_approval_is_refused",),
    ),
    Bug(
        "the proposal's expiry is skipped before acting",
        (Edit(ACT, '    if now >= proposal.expires_at:\n        return "the proposal has expired"\n', ""),),
        (f"{IN_ACT}::test_an_expired_proposal_is_refused_to_the_millisecond",),
    ),
    Bug(
        "what changed since the proposal is not looked at",
        (Edit(ACT, "if name not in seen or seen[name] != value:", "if name not in seen:"),),
        (f"{IN_ACT}::test_a_service_that_changed_since_the_proposal_is_left_alone",),
        schedules=True,
    ),
    Bug(
        "an action runs although the alarm has cleared",
        (Edit(ACT, '    if not incident.firing:\n        return "the alarm has cleared"\n', ""),),
        (f"{IN_ACT}::test_an_alarm_that_cleared_after_the_approval_stops_the_action",),
    ),
    Bug(
        "a machine goes on although a person took the incident",
        (
            Edit(
                ACT,
                "if incident.acknowledged_by and not fact.approved_by:",
                "if incident.strange and not fact.reasons:",
            ),
        ),
        (f"{IN_ACT}::test_what_nobody_approved_does_not_run_once_a_person_took_the_incident",),
    ),
    Bug(
        "a target outside the inventory may be acted on",
        (
            Edit(
                ACT,
                "if service is None or incident.target is None or",
                "if incident.target is None or",
            ),
            Edit(
                ACT,
                "if proposal.action not in service.actions:",
                "if service and proposal.action not in service.actions:",
            ),
        ),
        (f"{IN_ACT}::test_a_target_outside_the_inventory_is_never_touched",),
    ),
    Bug(
        "a service of the same name in another account passes for ours",
        (Edit(CONFIGURATION, "if service.target.key == target.key)", "if service.target.name == target.name)"),),
        (f"{IN_CONFIGURATION}::test_a_target_is_a_services_only_if_all_of_it_fits",),
    ),
    Bug(
        "an unreadable kill switch is off",
        (Edit("shared/switch.py", 'switch.value.get("stopped") is not False', 'switch.value.get("stopped") is True'),),
        (
            f"{IN_SLACK}::test_a_switch_that_says_neither_yes_nor_no_is_on_and_can_be_turned",
            f"{IN_ACT}::test_a_switch_that_says_neither_yes_nor_no_stops_everything",
        ),
    ),
    Bug(
        "anybody may resume",
        (Edit("functions/slack_api/commands.py", "if not person.may_resume:", "if not person.id:"),),
        (f"{IN_SLACK}::test_anybody_on_call_may_stop_everything_and_only_named_people_may_resume",),
    ),
)

DECIDING = (
    Bug(
        "a policy that gives no answer lets everything go",
        (
            Edit(
                "functions/policy_gate/verdict.py",
                'return cls(verdict="deny", reasons=(why,))',
                'return cls(verdict="go", reasons=(why,), quorum=1, approvers=(), expires_seconds=0, remind_seconds=0, '
                'verification="auto")',
            ),
        ),
        (
            f"{IN_POLICY}::test_what_is_no_whole_answer_is_a_no",
            f"{IN_GATE}::test_a_broken_policy_denies_and_tells_people",
        ),
    ),
    Bug(
        "the policy's default is to go",
        (Edit(REGO, 'default verdict := "deny"', 'default verdict := "go"'),),
        (f"{IN_GATE}::test_no_evidence_no_action",),
    ),
    Bug(
        "a no of the policy falls through to asking",
        (Edit(GATE, '        if verdict.verdict == "deny":\n            return self._denied(work, reasons)\n', ""),),
        (f"{IN_GATE}::test_an_approval_under_a_policy_that_now_forbids_it_is_a_denial",),
    ),
    Bug(
        "SAFE overrides the policy",
        (
            Edit(
                GATE,
                '        if verdict.verdict == "go" and enough:',
                "        safe = incident.assessment is not None and "
                'incident.assessment.assessment.decision == "SAFE" and work.request is None\n'
                '        if safe or (verdict.verdict == "go" and enough):',
            ),
        ),
        (f"{IN_GATE}::test_approve_mode_asks_the_people_of_the_service",),
        schedules=True,
    ),
    Bug(
        "a model's SAFE overrides a rule that forbids",
        (
            Edit(
                "functions/ai_assessment/combine.py",
                "if ours.assessor != UNSURE:",
                'if ours.assessor != UNSURE and theirs.decision != "SAFE":',
            ),
        ),
        ("tests/ai_assessment/test_assess.py::test_a_model_cannot_lift_what_a_rule_forbids",),
    ),
    Bug(
        "a model that failed is passed over",
        (
            Edit(
                "functions/ai_assessment/combine.py",
                'return _asks_people(ours, f"{theirs.why} {ours.message}", theirs.assessor)',
                "return ours",
            ),
        ),
        ("tests/ai_assessment/test_assess.py::test_a_failed_model_means_escalate_and_the_rules_action_is_for_people",),
    ),
    Bug(
        "approvals of another proposal count",
        (
            Edit(
                GATE,
                "            and given.proposal_hash == request.proposal_hash == work.proposal.hash\n",
                "",
            ),
            Edit(
                GATE,
                "{each.person for each in work.approvals if each.proposal_hash == work.proposal.hash}",
                "{each.person for each in work.approvals}",
            ),
            Edit(REGO, "\tapproval.proposal_hash == input.proposal.hash\n", ""),
        ),
        (f"{IN_GATE}::test_an_approval_of_another_hash_counts_for_nothing",),
        guards="the gate, the gate's list of who agreed, and the policy each compare the hash",
    ),
    Bug(
        "the policy counts approvals of another proposal",
        (Edit(REGO, "\tapproval.proposal_hash == input.proposal.hash\n", ""),),
        (f"{IN_POLICY}::test_the_shipped_policy_passes_its_own_tests",),
    ),
    Bug(
        "an answer to an older question counts for the newer one",
        (
            Edit(
                ANSWER,
                "if request != work.request or request.proposal_hash != work.proposal.hash:",
                "if work.request is None:",
            ),
        ),
        (f"{IN_CLICKS}::test_a_question_that_was_asked_anew_is_answered_there",),
    ),
    Bug(
        "one person counts twice",
        (
            Edit(
                REGO,
                """\
agreeing := {approval.person |
	some approval in input.approvals
	approval.proposal_hash == input.proposal.hash
	approval.person in electorate
}
""",
                """\
agreeing := [approval.person |
	some approval in input.approvals
	approval.proposal_hash == input.proposal.hash
	approval.person in electorate
]
""",
            ),
            Edit(
                GATE,
                "        given = {each.person for each in work.approvals if each.proposal_hash == work.proposal.hash}\n"
                "        return tuple(sorted(given & able))",
                "        return tuple(sorted(each.person for each in work.approvals if each.person in able))",
            ),
        ),
        (f"{IN_GATE}::test_a_quorum_of_two_waits_for_the_second_person",),
        guards="the policy and the gate each count people, not approvals; and a second click is declined",
    ),
    Bug(
        "the policy counts one person twice",
        (
            Edit(REGO, "agreeing := {approval.person |", "agreeing := [approval.person |"),
            Edit(REGO, "\tapproval.person in electorate\n}", "\tapproval.person in electorate\n]"),
        ),
        (f"{IN_POLICY}::test_the_shipped_policy_passes_its_own_tests",),
    ),
    Bug(
        "a second click of the same person is another approval",
        (
            Edit(
                ANSWER,
                'if any(given.person == person.id for given in work.approvals) and click.button == "approve":',
                "if len(work.approvals) > 9:",
            ),
        ),
        (f"{IN_CLICKS}::test_the_same_human_with_another_account_counts_once",),
    ),
    Bug(
        "who proposed it may approve it",
        (
            Edit(
                GATE,
                "return entitled(self.config, approvers) - {work.proposal.author}",
                "return entitled(self.config, approvers)",
            ),
            Edit(
                REGO,
                "some person in input.service.able; person != input.proposal.author}",
                "some person in input.service.able}",
            ),
        ),
        (f"{IN_GATE}::test_nobody_approves_what_they_proposed",),
        guards="the gate and the policy both leave the author out, and a click of the author is declined",
    ),
    Bug(
        "a request for approval never ends",
        (Edit(GATE, "            and now < request.expires_at\n", ""),),
        (f"{IN_GATE}::test_an_approval_counts_until_the_request_expires_and_not_a_millisecond_longer",),
    ),
    Bug(
        "a click counts after its question has expired",
        (
            Edit(
                ANSWER,
                "if click.clicked_at >= until or now >= until:",
                "if click.clicked_at > now + (until - now) * 9:",
            ),
        ),
        (f"{IN_CLICKS}::test_a_click_counts_only_before_it_expires",),
    ),
    Bug(
        "an empty list of approvers means everybody",
        (
            Edit(
                CONFIGURATION,
                "if names & {person.id, *person.groups})",
                "if not names or names & {person.id, *person.groups})",
            ),
        ),
        (
            f"{IN_CONFIGURATION}::test_approvers_are_groups_or_people_and_nobody_by_default",
            f"{IN_CLICKS}::test_an_empty_list_of_approvers_means_nobody",
        ),
    ),
    Bug(
        "the approver is taken from the button",
        (
            Edit(
                ANSWER,
                """\
        proposal_hash=request.proposal_hash,
        person=person.id,
""",
                """\
        proposal_hash=request.proposal_hash,
        person=request.approvers[0],
""",
            ),
        ),
        (f"{IN_CLICKS}::test_an_entitled_person_approves_exactly_this_proposal",),
        schedules=True,
    ),
    Bug(
        "a guest of another workspace counts as one of ours",
        (
            Edit(
                "functions/slack_api/payload.py",
                'user_team=str(user.get("team_id") or team)',
                "user_team=team",
            ),
        ),
        (f"{IN_SLACK}::test_a_guest_from_another_workspace_keeps_their_own_team",),
    ),
    Bug(
        "a user id is enough, whatever the workspace",
        (
            Edit(
                CONFIGURATION,
                "any(s.team == team and s.user == user for s in p.slack)",
                "any(s.user == user for s in p.slack)",
            ),
        ),
        (f"{IN_CLICKS}::test_the_same_user_id_in_another_workspace_is_a_stranger",),
    ),
    Bug(
        "a no wins after a yes that the policy let go",
        (
            Edit(
                ANSWER,
                'if work.standing != "awaiting":',
                'if work.standing != "awaiting" and click.button == "approve":',
            ),
        ),
        (f"{IN_CLICKS}::test_a_no_comes_too_late_once_the_policy_let_it_go",),
    ),
    Bug(
        "a kill switch that the policy cannot read is off",
        (Edit(INPUT, 'return "unreadable"', 'return "running"'),),
        (f"{IN_GATE}::test_a_stopped_switch_denies_and_a_resumed_one_does_not",),
    ),
    Bug(
        "what other incidents did to the target is forgotten",
        (Edit(INPUT, "return own + [past for past in memory.past if past.incident_id != incident.id]", "return own"),),
        (f"{IN_GATE}::test_a_second_action_within_a_day_needs_a_person",),
    ),
    Bug(
        "the policy looks at another target than the incident's",
        (Edit(PERMITTED, "\tinput.proposal.target == input.target\n", ""),),
        (f"{IN_GATE}::test_another_service_than_the_incidents_is_denied",),
    ),
)

TAKING_IN = (
    Bug(
        "a delivery is known by the message that brought it",
        (
            Edit(
                INTAKE,
                "Claim(keys.delivery(alert.delivery), {",
                'Claim(keys.delivery(f"{alert.delivery}/{intake.new_id(intake.clock())}"), {',
            ),
        ),
        (f"{IN_INTAKE}::test_a_redelivered_alert_counts_once",),
    ),
    Bug(
        "an older state replaces a newer one",
        (
            Edit(
                INTAKE,
                'changed = alert.state != known.value["state"] and not late',
                'changed = alert.state != known.value["state"]',
            ),
        ),
        (f"{IN_INTAKE}::test_an_older_state_never_replaces_a_newer_one",),
    ),
    Bug(
        "an alarm without data counts as cleared",
        (
            Edit(
                INCIDENT,
                'return tuple(alarm for alarm in self.alarms.values() if alarm.state != "resolved")',
                'return tuple(alarm for alarm in self.alarms.values() if alarm.state == "firing")',
            ),
        ),
        (f"{IN_INCIDENT}::test_an_alert_of_unknown_state_has_not_cleared",),
    ),
    Bug(
        "the hold is skipped",
        (
            Edit(
                INTAKE,
                '[_resolved(alert, alert.changed_at, incident, now + hold)],\n        "resolved"',
                '[_resolved(alert, alert.changed_at, incident, now)],\n        "resolved"',
            ),
        ),
        (f"{IN_INTAKE}::test_an_alert_that_clears_starts_the_hold",),
    ),
    Bug(
        "an incident resolves while another alarm rings",
        (
            Edit(INTAKE, "hold_until=None if others else hold_until", "hold_until=hold_until"),
            Edit(FOLLOW, "    if not loud:\n", "    if len(loud) < len(incident.alarms):\n"),
        ),
        (
            f"{IN_INTAKE}::test_the_hold_waits_for_the_last_alert",
            f"{IN_FOLLOW}::test_an_incident_does_not_resolve_while_another_alarm_rings",
        ),
        guards="intake sets no hold while another alarm rings, and lifecycle asks every alarm when a hold is over",
    ),
    Bug(
        "a hold that is over resolves whatever rings",
        (Edit(FOLLOW, "    if not loud:\n", "    if len(loud) < len(incident.alarms):\n"),),
        (f"{IN_FOLLOW}::test_an_incident_does_not_resolve_while_another_alarm_rings",),
    ),
    Bug(
        "a resolved incident closes although its alarm rings",
        (
            Edit(
                FOLLOW,
                'if incident.status == "resolved" and not incident.firing:',
                'if incident.status == "resolved":',
            ),
        ),
        (f"{IN_FOLLOW}::test_a_resolved_incident_whose_alarm_rings_does_not_close",),
    ),
    Bug(
        "a hold that ran out during an action is forgotten",
        (Edit(INCIDENT, "return _held_anew(after) if self.busy and not after.busy else after", "return after"),),
        (f"{IN_INCIDENT}::test_the_hold_rings_once_more_when_recovery_is_judged_after_it_ran_out",),
    ),
    Bug(
        "a timer is removed whether it rang or not",
        (
            Edit(
                "functions/timekeeper/ring.py",
                "over = not history.appended and pending(history, name, stall) is None",
                "over = not history.appended",
            ),
        ),
        (f"{IN_RING}::test_a_timer_rings_whatever_the_fraction_of_its_second",),
    ),
)

TELLING = (
    Bug(
        "it says before it claims",
        (
            Edit(
                PERFORM,
                '    claim = {"claimed_at": as_text(clock())}\n    try:\n',
                '    claim = {"claimed_at": as_text(clock())}\n    external_id = delivery.send()\n    try:\n',
            ),
            Edit(
                PERFORM,
                "    try:\n        external_id = delivery.send()\n    except Unclear:",
                "    try:\n        pass\n    except Unclear:",
            ),
        ),
        (f"{IN_NOTIFY}::test_a_redelivered_message_says_nothing_twice",),
        schedules=True,
    ),
    Bug(
        "a message is taken over at once, while another attempt may be saying it",
        (
            Edit(
                PERFORM,
                """\
        if remaining > 0:
            reason = f"{delivery.key} is being said by another attempt"
            raise Unavailable(reason, retry_after=remaining) from None
""",
                "",
            ),
        ),
        (f"{IN_DELIVER}::test_while_another_attempt_may_be_speaking_nothing_is_said",),
    ),
    Bug(
        "what was perhaps said is said again without a look",
        (Edit(PERFORM, "    except Unclear:\n        raise\n", ""),),
        (f"{IN_NOTIFY}::test_a_post_whose_reply_was_lost_is_found_and_not_said_again",),
    ),
    Bug(
        "a ticket is created without searching for it",
        (
            Edit(
                "functions/ticketing/ticket.py",
                "        lambda: tickets.find(project.project, mark),\n",
                "        lambda: None,\n",
            ),
        ),
        (f"{IN_TICKET}::test_a_ticket_whose_creation_was_not_confirmed_is_found_by_its_label",),
        schedules=True,
    ),
    Bug(
        "a channel that is down counts as told",
        (
            Edit(
                "functions/notification/notify.py",
                "        except Unavailable as error:\n            later.append(error)\n",
                "        except Unavailable:\n            pass\n",
            ),
        ),
        (f"{IN_NOTIFY}::test_a_chat_that_is_down_holds_up_no_e_mail_and_is_tried_again",),
    ),
    Bug(
        "an escalation that nobody heard is not our move",
        (Edit(INCIDENT, '        if self.calls and self.status != "closed":\n            return True\n', ""),),
        (f"{IN_RING}::test_a_question_that_was_never_shown_is_a_stall",),
    ),
    Bug(
        "an escalation that nobody heard is not published again",
        (
            Edit(
                PROJECTION,
                "since = 1 if incident.stalls else min((incident.answered, *incident.calls))",
                "since = incident.answered",
            ),
        ),
        (f"{IN_INCIDENT}::test_what_nobody_heard_of_is_published_again",),
    ),
    Bug(
        "FailedEntryCount is ignored",
        (
            Edit(
                PUBLISH,
                'reply["Entries"], strict=True) if "EventId" not in result]',
                'reply["Entries"], strict=True) if not result]',
            ),
        ),
        (f"{IN_RELAY}::test_what_the_bus_refused_is_sent_again_and_only_that",),
        schedules=True,
    ),
    Bug(
        "the relay acknowledges the first record that failed",
        (Edit(PUBLISH, "first = min(place for place, _ in left)", "first = max(place for place, _ in left)"),),
        (f"{IN_RELAY}::test_what_the_bus_keeps_refusing_comes_back_from_the_first_one_on",),
    ),
    Bug(
        "a batch that the bus did not take counts as published",
        (
            Edit(
                PUBLISH,
                'extra={"why": str(error)})\n        return batch\n',
                'extra={"why": str(error)})\n        return []\n',
            ),
        ),
        (f"{IN_RELAY}::test_a_bus_that_is_down_loses_nothing",),
        schedules=True,
    ),
    Bug(
        "a stalled incident is not published again",
        (Edit(PUBLISH, "if since <= each.seq < entry.seq]", "if since < each.seq < entry.seq]"),),
        (f"{IN_RELAY}::test_a_stalled_incident_is_published_again_from_the_last_answered_entry",),
    ),
)

KEEPING = (
    Bug(
        "a message that nobody can read is dropped without a record",
        (
            Edit(
                QUEUE,
                '        quarantine(record["body"], str(refusal), queue.function, queue.state, queue.clock)\n',
                "",
            ),
        ),
        (f"{IN_QUEUE}::test_what_nobody_can_read_is_kept_with_the_reason_and_not_tried_again",),
    ),
    Bug(
        "a message that failed is acknowledged",
        (
            Edit(
                QUEUE,
                '        failed.append({"itemIdentifier": record["messageId"]})\n',
                "",
            ),
        ),
        (f"{IN_QUEUE}::test_exactly_what_failed_comes_back_and_everything_else_is_done",),
        schedules=True,
    ),
    Bug(
        "what is quarantined keeps its secrets",
        (Edit(QUEUE, "kept = redact(body[:KEPT])", "kept = body[:KEPT]"),),
        (f"{IN_QUEUE}::test_a_secret_is_not_kept_with_a_bad_message",),
    ),
    Bug(
        "evidence keeps its secrets",
        (
            Edit(
                "functions/investigation/keep.py",
                "return clip(redact(clean(text[:RAW])), most)",
                "return clip(clean(text[:RAW]), most)",
            ),
        ),
        ("tests/investigation/test_keep.py::test_secrets_are_taken_out_of_every_text",),
    ),
    Bug(
        "a signed request is good for ever",
        (
            Edit(
                SLACK,
                "    if abs(now.timestamp() - int(stamps[0])) > WINDOW:\n        return False\n",
                "",
            ),
        ),
        (f"{IN_SLACK}::test_a_request_from_another_time_is_a_401",),
    ),
    Bug(
        "the time stamp is not part of what is signed",
        (Edit(SLACK, 'b"v0:" + stamp.encode() + b":" + body', 'b"v0:" + body'),),
        ("tests/shared/integrations/test_slack.py::test_a_signature_is_what_slack_documents_that_it_is",),
    ),
)

VERIFYING = (
    Bug(
        "no data is healthy",
        (
            Edit(
                JUDGE,
                'ok = None if measure.missing == "ignore" else False',
                'ok = None if measure.missing == "ignore" else True',
            ),
        ),
        (f"{IN_JUDGE}::test_no_data_means_what_the_measure_says",),
    ),
    Bug(
        "verification is green after one good value",
        (Edit(JUDGE, "ok = all(_inside(measure, value) for value in after)", "ok = _inside(measure, after[-1])"),),
        (f"{IN_JUDGE}::test_one_healthy_tick_in_a_bad_window_is_no_recovery",),
    ),
    Bug(
        "verification does not wait for the window",
        (Edit(JUDGE, "if now < finished + patience.window:", "if now < finished:"),),
        (f"{IN_JUDGE}::test_anything_short_of_that_is_looked_at_again",),
    ),
    Bug(
        "a recovery needs no sign of life",
        (
            Edit(
                JUDGE,
                "if not any(each.positive and each.ok and each.after is not None for each in measures):",
                "if any(each.positive and each.ok is False for each in measures):",
            ),
        ),
        (f"{IN_JUDGE}::test_no_measures_at_all_never_prove_a_recovery",),
    ),
    Bug(
        "a measure that CloudWatch fails to give counts as one without data",
        (
            Edit(
                "functions/verification/read.py",
                "None if now_.why else now_.values, now_.why)",
                "now_.values)",
            ),
        ),
        (f"{IN_READ}::test_a_measure_that_cloudwatch_does_not_give_whole_is_not_read_whatever_missing_data_means",),
    ),
    Bug(
        "alarms that cannot be read count as clear",
        (
            Edit(
                "functions/verification/read.py",
                "        except Unavailable as error:\n            gaps.append(str(error))\n",
                "        except Unavailable:\n            alarms = {}\n",
            ),
        ),
        (f"{IN_READ}::test_what_cannot_be_read_is_a_gap_and_not_good_news",),
    ),
)

PROVING = (
    Bug(
        "an action runs on an approval that nobody proved",
        (
            Edit(
                PERFORM,
                """\
    if why := acting.unproved(history.incident, cause):
        refused = facts.ActionRefused(proposal_id=proposal.id, why=why)
        return acting.timeline.append(history, [refused], actor=acting.name, caused_by=cause.id, now=now)
""",
                "",
            ),
        ),
        (f"{IN_FORGING}::test_a_function_that_can_write_to_the_timeline_can_forge_nothing[policy_gate]",),
    ),
    Bug(
        "an approval without a seal is taken for one of an older release",
        (
            Edit(
                SEAL,
                "    if given.given_at is None or not given.seal:\n        return False\n",
                "    if given.given_at is None or not given.seal:\n        return True\n",
            ),
        ),
        (f"{IN_FORGING}::test_a_function_that_can_write_to_the_timeline_can_forge_nothing[notification]",),
    ),
    Bug(
        "a seal does not bind the person",
        (Edit(SEAL, '                "person": self.person,\n', ""),),
        (f"{IN_FORGING}::test_no_seal_holds_once_anything_that_it_binds_is_another",),
    ),
    Bug(
        "a decision's seal is good anywhere on the timeline",
        (Edit(SEAL, '"after": after, "at": as_text(at), "fact": fact', '"at": as_text(at), "fact": fact'),),
        (f"{IN_FORGING}::test_no_seal_holds_once_anything_that_it_binds_is_another",),
    ),
    Bug(
        "a storm is nobody's business",
        (Edit("config/policy/alone.rego", "\tno_storm\n", ""),),
        (f"{IN_FLEET}::test_more_than_the_share_asks_a_person_whatever_the_mode_and_says_so_once",),
    ),
    Bug(
        "a fleet whose state cannot be read is well",
        (
            Edit(
                "functions/policy_gate/fleet.py",
                "        if stands is None:\n            return Fleet(stopped=True, words=UNREADABLE)\n",
                "        if stands is None:\n            return Fleet()\n",
            ),
        ),
        (f"{IN_FLEET}::test_a_marker_that_cannot_be_read_stops",),
    ),
    Bug(
        "nonsense that suits the policy is taken for a fact",
        (Edit("config/policy/facts.rego", "\tvalue >= least\n", ""),),
        (f"{IN_POLICY}::test_the_shipped_policy_passes_its_own_tests",),
    ),
)

BUGS = (*PROVING, *STORING, *ACTING, *DECIDING, *TAKING_IN, *TELLING, *KEEPING, *VERIFYING)
