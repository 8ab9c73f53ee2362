"""The rule of the manifests, read from them, and what Kubernetes makes of it.

The steps are those of the HorizontalPodAutoscaler, which KEDA sets up: a figure every fifteen seconds, a tolerance, the
stabilising windows, the policies, the bounds. Knows no servers.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.scale.manifests import KUBERNETES, spec

SCALED_OBJECT = KUBERNETES / "components/autoscaling/scaled-object.yaml"
SERVICE_MONITOR = KUBERNETES / "components/monitoring/service-monitor.yaml"
EVERY = 15.0  # seconds between two looks, as the controller has it by default
TOLERANCE = 0.1  # no change for less, likewise


@dataclass(frozen=True, slots=True)
class Policy:
    value: int  # pods
    period: float  # seconds


@dataclass(frozen=True, slots=True)
class Rule:
    target: float  # load of a replica, as a share of its slots
    least: int
    most: int
    up: Sequence[Policy]
    down: Sequence[Policy]
    up_window: float  # seconds; no more than the least that was wanted in them
    down_window: float  # seconds; no less than the most that was wanted in them
    scrape: float  # seconds from one figure of a replica to the next: at every look each is up to so old

    @classmethod
    def read(cls, scaled_object: Path = SCALED_OBJECT, service_monitor: Path = SERVICE_MONITOR) -> "Rule":
        """Raises ValueError for a rule that the simulation does not know."""
        scaled = spec(scaled_object)
        behaviour = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        (trigger,) = scaled["triggers"]
        if trigger["type"] != "prometheus" or trigger["metricType"] != "AverageValue":
            raise ValueError(f"{scaled_object.name}: only an average of a Prometheus query can be simulated")
        if trigger.get("useCachedMetrics"):
            raise ValueError(f"{scaled_object.name}: only figures that are asked for at every look can be simulated")
        if scaled["minReplicaCount"] < 1:
            raise ValueError(f"{scaled_object.name}: only a rule that keeps a replica can be simulated")
        (endpoint,) = spec(service_monitor)["endpoints"]
        return cls(
            target=float(trigger["metadata"]["threshold"]),
            least=scaled["minReplicaCount"],
            most=scaled["maxReplicaCount"],
            up=_policies(behaviour["scaleUp"]),
            down=_policies(behaviour["scaleDown"]),
            up_window=behaviour["scaleUp"]["stabilizationWindowSeconds"],
            down_window=behaviour["scaleDown"]["stabilizationWindowSeconds"],
            scrape=_seconds(endpoint["interval"]),
        )


def _seconds(duration: str) -> float:
    """As Prometheus writes it, but whole seconds only."""
    if not (found := re.fullmatch(r"(\d+)s", duration)):
        raise ValueError(f"{duration}: only an interval in seconds, such as 15s, can be simulated")
    return float(found[1])


def _policies(rules: Mapping[str, Any]) -> tuple[Policy, ...]:
    if any(each["type"] != "Pods" for each in rules["policies"]) or rules.get("selectPolicy", "Max") != "Max":
        raise ValueError("only policies of so many pods, of which the greatest counts, can be simulated")
    return tuple(Policy(each["value"], each["periodSeconds"]) for each in rules["policies"])


@dataclass(slots=True)
class Autoscaler:
    rule: Rule
    _wanted: list[tuple[float, int]] = field(default_factory=list)  # when, how many
    _changes: list[tuple[float, int]] = field(default_factory=list)  # when, by how many

    def decide(self, at: float, load: float, current: int) -> int:
        """How many replicas there shall be. `load`: in replicas, 1 is one with all its slots taken. `at` ascends."""
        self._forget(at)
        self._wanted.append((at, self._desired(load, current)))
        bounded = min(max(self._stabilised(at, current), self.rule.least), self.rule.most)
        decided = self._paced(at, bounded, current)
        if decided != current:
            self._changes.append((at, decided - current))
        return decided

    def _forget(self, at: float) -> None:
        """What no window and no period reaches any more."""
        window = max(self.rule.up_window, self.rule.down_window)
        self._wanted = [each for each in self._wanted if each[0] > at - window]
        period = max(policy.period for policy in (*self.rule.up, *self.rule.down))
        self._changes = [each for each in self._changes if each[0] > at - period]

    def _desired(self, load: float, current: int) -> int:
        usage = load / self.rule.target
        return current if current and abs(usage / current - 1) <= TOLERANCE else math.ceil(usage)

    def _stabilised(self, at: float, current: int) -> int:
        *_, (_, now) = self._wanted
        up = min([now, *(many for when, many in self._wanted if when > at - self.rule.up_window)])
        down = max([now, *(many for when, many in self._wanted if when > at - self.rule.down_window)])
        return min(max(current, up), down)

    def _paced(self, at: float, wanted: int, current: int) -> int:
        if wanted > current:
            return min(wanted, max(self._before(at, policy, current) + policy.value for policy in self.rule.up))
        if wanted < current:
            return max(wanted, min(self._before(at, policy, current) - policy.value for policy in self.rule.down))
        return current

    def _before(self, at: float, policy: Policy, current: int) -> int:
        """How many there were when the policy's period began."""
        return current - sum(by for when, by in self._changes if when > at - policy.period)
