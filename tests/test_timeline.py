"""Where sessions begin, what is reverted, which slots stand."""

import random

from conversations.timeline import REVERTING, Mark, Role, Step, reverts, role, slots, starts

P, R, S, M = Role.PLAIN, Role.RESTART, Role.SESSION_START, Role.METADATA_SLOT


def marks(*roles: Role, gaps: dict[int, float] | None = None) -> list[Mark]:
    at, result = 1.7e9, []
    for index, part in enumerate(roles):
        at += (gaps or {}).get(index, 1.0)
        result.append(Mark(at, 0, b"", part))
    return result


def test_a_session_begins_at_its_start_action_and_takes_the_metadata_slot_with_it() -> None:
    assert starts(marks(S, P, P, S, P, M, S, P), gap=None) == [0, 3, 5]


def test_a_metadata_slot_without_a_start_behind_it_begins_nothing() -> None:
    assert starts(marks(S, P, M, P, S), gap=None) == [0, 4]


def test_the_start_after_a_restart_belongs_to_the_attempt() -> None:
    assert starts(marks(S, P, R, S, P, P, S), gap=None) == [0, 6]
    assert starts(marks(S, P, R, M, S, P), gap=None) == [0]


def test_silence_begins_a_session_only_where_the_bot_marks_none() -> None:
    assert starts(marks(P, P, P, P, gaps={2: 3601.0, 3: 3600.0}), gap=3600.0) == [0, 2]
    assert starts(marks(S, P, P, P, gaps={2: 36010.0}), gap=None) == [0]


def test_two_known_events_are_enough_context() -> None:
    chance = random.Random(1)
    seen_before_known = 0
    for _ in range(3000):
        roles = [chance.choice([P, P, R, S, M]) for _ in range(chance.randint(3, 12))]
        everything = marks(*roles)
        whole = starts(everything, gap=None)
        known = chance.randint(1, len(everything) - 1)
        context = everything[max(0, known - 2) :]
        offset = len(everything) - len(context)
        part = {index + offset for index in starts(context, gap=None, known=known - offset)}
        expected = {index for index in whole if index >= known}
        if known - 1 in whole and roles[known - 1] == M and roles[known] == S and known - 1 > 0:
            expected.add(known - 1)
            seen_before_known += 1
        assert part - {0} == expected - {0}
    assert seen_before_known > 20


def steps(*types: str) -> list[Step]:
    return [Step(float(index), kind) for index, kind in enumerate(types)]


def test_rewind_pops_the_user_message_and_the_listen_before_it() -> None:
    turn = steps("session_started", "action", "user", "slot", "action", "bot", "rewind", "action")
    assert reverts(turn) == dict.fromkeys([1, 2, 3, 4, 5], 6.0)


def test_two_rewinds_pop_two_turns() -> None:
    assert sorted(reverts(steps("action", "user", "bot", "action", "user", "bot", "rewind", "rewind"))) == [
        0,
        1,
        2,
        3,
        4,
        5,
    ]


def test_undo_pops_the_last_action_and_what_it_did() -> None:
    assert reverts(steps("user", "action", "bot", "slot", "undo")) == dict.fromkeys([1, 2, 3], 4.0)


def test_a_loop_that_runs_again_takes_over_the_answers_to_it() -> None:
    """A two-stage fallback that gives up reverts the message that began it, not only the last answer."""
    turn = [
        ("action", "action_listen"), ("user", ""), ("action", "form"), ("active_loop", "form"), ("bot", ""),
        ("action", "action_listen"), ("user", ""), ("user_featurization", ""), ("action", "form"), ("active_loop", ""),
        ("rewind", ""),
    ]  # fmt: skip
    assert sorted(reverts([Step(float(at), kind, name) for at, (kind, name) in enumerate(turn)])) == list(
        range(10)
    )


def test_answers_that_a_loop_took_over_are_not_reverted_by_that_alone() -> None:
    turn = [
        ("user", ""), ("action", "form"), ("active_loop", "form"), ("action", "action_listen"), ("user", ""), ("slot", "a"),
        ("action", "form"), ("action", "action_listen"), ("user", ""), ("action", "other"), ("rewind", ""),
    ]  # fmt: skip
    assert sorted(reverts([Step(float(at), kind, name) for at, (kind, name) in enumerate(turn)])) == [7, 8, 9]


def test_another_answer_in_between_makes_the_next_run_of_a_loop_a_new_one() -> None:
    turn = [
        ("action", "form"), ("active_loop", "form"), ("action", "action_listen"), ("user", ""), ("action", "utter_help"),
        ("action", "form"), ("action", "action_listen"), ("user", ""), ("rewind", ""), ("rewind", ""),
    ]  # fmt: skip
    assert sorted(reverts([Step(float(at), kind, name) for at, (kind, name) in enumerate(turn)])) == [
        2,
        3,
        4,
        5,
        6,
        7,
    ]


def test_what_stands_is_all_that_later_events_need() -> None:
    """The store reads what no rewind popped and goes on from there; that must give what the whole session gives."""
    chance = random.Random(5)
    kinds = [
        ("user", ""), ("action", "form"), ("action", "form"), ("active_loop", "form"), ("active_loop", ""),
        ("rewind", ""), ("undo", ""),
    ]  # fmt: skip
    after_a_popped_loop = 0
    for _ in range(20_000):
        session = [Step(float(at), *chance.choice(kinds)) for at in range(chance.randint(6, 12))]
        popped: dict[int, float] = {}
        for end, step in enumerate(session, start=1):
            if step.type in ("rewind", "undo"):
                standing = [
                    at for at in range(end - 1) if at not in popped and session[at].type not in REVERTING
                ]
                found = reverts([session[at] for at in [*standing, end - 1]])
                after_a_popped_loop += bool(found) and any(session[at].type == "active_loop" for at in popped)
                popped |= {standing[index]: at for index, at in found.items()}
        assert popped == reverts(session)
    assert after_a_popped_loop > 1000


def test_without_a_match_nothing_is_reverted() -> None:
    assert reverts(steps("action", "bot", "rewind")) == {}
    assert reverts(steps("user", "bot", "undo")) == {}
    assert reverts(steps("user", "restart", "rewind")) == {}
    assert reverts(steps("action", "user", "session_started", "undo")) == {}


def test_slots_honour_reverts_resets_and_restarts() -> None:
    def slot(name: str, value: object) -> dict:
        return {"event": "slot", "name": name, "value": value}

    rewound = [{"event": "action"}, {"event": "user"}, slot("a", 1), {"event": "rewind"}]
    assert slots([slot("a", 0), *rewound]) == {"a": 0}
    assert slots([slot("a", 0), {"event": "reset_slots"}, slot("b", None)]) == {"b": None}
    assert slots([slot("a", 0), {"event": "restart"}]) == {}


def test_roles() -> None:
    assert [
        role("restart", ""),
        role("action", "action_session_start"),
        role("slot", "session_started_metadata"),
    ] == [R, S, M]
    assert role("action", "restart") == role("slot", "restart") == P
