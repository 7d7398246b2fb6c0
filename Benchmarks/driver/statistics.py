"""Medians with their spread, and ratios of adjacent runs."""

import statistics


def summary(values):
    """The median, the minimum, the maximum and all values of the runs."""
    values = [round(value, 6) for value in values]
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "values": values}


class Metric:
    """A quantity, measured on the subject and its peers."""

    def __init__(self, unit, better):
        self.unit = unit
        self.better = better  # "more" or "less"
        self.runs = {}  # server: values
        self.ratios = {}  # peer: for each pair of runs, the value of the subject divided by that of the peer

    def note(self, server, value):
        self.runs.setdefault(server, []).append(value)

    def pair(self, subject, peer, peer_value):
        if peer_value:
            self.ratios.setdefault(peer, []).append(subject / peer_value)

    def result(self):
        return {
            "unit": self.unit,
            "better": self.better,
            "servers": {server: summary(values) for server, values in self.runs.items()},
            "ratios": {peer: summary(values) for peer, values in self.ratios.items()},
        }


def loses(metric, peer):
    """Whether the subject is worse than the peer by the median of the pairs."""
    median = metric["ratios"][peer]["median"]
    return median < 1 if metric["better"] == "more" else median > 1
