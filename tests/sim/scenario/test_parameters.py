"""D11: parameters with which a law or a rule would have no meaning, refused with their place."""

import pytest

from sim.protocol.errors import ScenarioError
from sim.scenario.load import load_scenario

POISSON = "{kind: poisson, rate: 10, centre: '100.00'"
LEG = "venues[NYSE].latency.order"


@pytest.mark.parametrize(
    ("override", "path", "said"),
    [
        # Rates and times of zero, and laws without a spread or with one that is none.
        (f"venues[NYSE].flow=[{POISSON}, rate: 0}}]", "flow[0]", ""),
        ("venues[NYSE].flow=[{kind: poisson, rate: 0, centre: '100.00'}]", "rate", "> 0"),
        ("venues[NYSE].flow=[{kind: poisson, rate: -1, centre: '100.00'}]", "rate", "> 0"),
        ("venues[NYSE].flow=[{kind: poisson, rate: .inf, centre: '100.00'}]", "rate", "finite"),
        ("venues[NYSE].flow=[{kind: poisson, rate: 1e9, centre: '100.00'}]", "rate", "<= 10000000"),
        (f"venues[NYSE].flow=[{POISSON}, take: 0.7, cancel: 0.4}}]", "flow[0]", "must be <= 1"),
        (f"venues[NYSE].flow=[{POISSON}, take: -0.1}}]", "take", ">= 0"),
        ("duration=0s", "duration", "> 0"),
        ("duration=-1s", "duration", "duration with a unit"),
        ("router.ack_timeout=0ns", "ack_timeout", "> 0"),
        (f"{LEG}={{model: lognormal, median: 1ms, sigma: .nan}}", "sigma", "finite"),
        (f"{LEG}={{model: lognormal, median: 1ms, sigma: -1}}", "sigma", ">= 0"),
        (f"{LEG}={{model: lognormal, median: 1ms, sigma: 400}}", "sigma", "<= 4"),
        (f"{LEG}={{model: lognormal, median: 0ns, sigma: 1}}", "median", "> 0"),
        (f"{LEG}={{model: lognormal, median: 9999999min, sigma: 4}}", "order", "at most"),
        (f"{LEG}={{model: shifted_exponential, shift: 0ns, mean: 0ns}}", "mean", "> 0"),
        (f"{LEG}={{model: normal, mean: 1ms, sd: 16666666min}}", "order", "at most"),
        (
            f"{LEG}={{model: autocorrelated, rho: 1, base: {{model: normal, mean: 1s, sd: 1s}}}}",
            "rho",
            "< 1",
        ),
        (
            f"{LEG}={{model: autocorrelated, rho: 0, base: {{model: normal, mean: 1s, sd: 1s}}}}",
            "rho",
            "> 0",
        ),
        ("venues[NYSE].fill_risk='-0.1'", "fill_risk", ">= 0"),
        ("venues[NYSE].fill_risk='1'", "fill_risk", "< 1"),
        ("venues[NYSE].fill_risk='NaN'", "fill_risk", "plain decimal"),
        ("venues[NYSE].impact='-0.01'", "impact", ">= 0"),
        ("venues[DARK_A].fill={model: fraction, share: '1.5'}", "share", "<= 1"),
        ("venues[DARK_A].fill={model: random, low: '0.9', high: '0.1'}", "fill", "must"),
        ("router.tie=[price, price, id]", "tie", "once"),
        ("venues=[]", "venues", "1 to 200"),
        ("parents=[]", "parents", "1 to 8000"),
        ("seed=-1", "seed", ">= 0"),
    ],
)
def test_D11_a_parameter_without_a_meaning_is_refused(override: str, path: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario("fragmented", sets=[override])
    problems = caught.value.problems
    own = [one for one in problems if path in one.path or path in one.message]
    assert own, problems
    assert any(said in one.message for one in own), own
    assert all(one.file.startswith("--set ") for one in own)


@pytest.mark.parametrize(
    "override",
    [
        f"{LEG}={{model: lognormal, median: 1ms, sigma: 0}}",
        f"{LEG}={{model: normal, mean: 0ns, sd: 0ns}}",
        "venues[NYSE].fill_risk='0'",
        "venues[NYSE].fill_risk='0.99999999'",
        f"venues[NYSE].flow=[{POISSON}, take: 0.6, cancel: 0.4}}]",
        f"venues[NYSE].flow=[{POISSON}, take: 1, cancel: 0}}]",
    ],
)
def test_D11_the_bounds_themselves_are_fine(override: str) -> None:
    load_scenario("fragmented", sets=[override])
