"""The account of a partner that runs for weeks."""

from emulator.partner_api.account import KEPT_SECONDS, Account


def test_seconds_of_long_ago_are_dropped_and_their_calls_still_counted() -> None:
    account = Account()
    for second in range(KEPT_SECONDS + 100):
        account.count_call("u1", second, second)
        account.count_call("u2", second, second)

    assert len(account.calls_by_second) == KEPT_SECONDS
    assert (min(account.calls_by_second), account.calls_by_second[100]) == (100, 2)
    assert account.summarise()["calls"] == 2 * (KEPT_SECONDS + 100)

    account.reset(keep_versions=False)
    assert account.summarise()["calls"] == 0
