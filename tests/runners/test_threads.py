import threading

import pytest

from runners.threads import in_fresh_thread


def test_it_is_done_in_a_thread_that_ends() -> None:
    thread = in_fresh_thread(threading.current_thread)
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_what_it_raises_comes_back() -> None:
    with pytest.raises(SystemExit, match="no model"):
        in_fresh_thread(lambda: exec('raise SystemExit("no model")'))
