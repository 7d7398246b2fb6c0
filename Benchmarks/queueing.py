"""The small queueing model behind docs/scaling.md. All times are in seconds."""

import heapq
import math
import statistics
from random import Random


class Station:
    """Serves one line after the other. Without work it sleeps, and the next line waits until it is awake: on an idle machine that
    is the larger part of the time of a line."""

    def __init__(self, wake, random):
        self.wake, self.random = wake, random
        self.free_at = 0.0

    def serve(self, arrival, service):
        """Returns when a line that arrives now is done. Must be called in the order of arrivals."""
        start = self.free_at if arrival <= self.free_at else arrival + self.wake
        self.free_at = start + service * self.random.uniform(0.8, 1.2)
        return self.free_at


def closed(clients, server, generator, wake, lines=30_000, seed=1):
    """Clients in one generator that send a line when the previous one is answered. Returns lines a second."""
    random = Random(seed)
    stations = [Station(wake, random), Station(wake, random)]
    demands = [server, generator]
    events = [(0.0, client, 0) for client in range(clients)]
    for _ in range(2 * lines):
        now, client, at = heapq.heappop(events)
        heapq.heappush(events, (stations[at].serve(now, demands[at]), client, 1 - at))
    return lines / events[0][0]


def opened(rate, server, generator, wake, lines=30_000, seed=1):
    """Lines that are due at a fixed rate: the generator sends each, the server answers it, the generator takes the answer.
    Returns the median time from the moment when a line was due."""
    random = Random(seed)
    machine = Station(wake, random), Station(wake, random)
    steps = [(1, generator / 2), (0, server), (1, generator / 2)]
    events = [(number / rate, number, 0) for number in range(lines)]
    times = []
    while events:
        now, number, step = heapq.heappop(events)
        at, service = steps[step]
        done = machine[at].serve(now, service)
        if step < 2:
            heapq.heappush(events, (done, number, step + 1))
        else:
            times.append(done - number / rate)
    return statistics.median(times)


def waiting(rate, service, servers=1):
    """The mean wait in front of a station with open arrivals (M/M/c, Erlang C); infinite where it cannot keep up.

    Real service times vary less than those of the model, so this is an upper estimate."""
    load = rate * service
    if load >= servers:
        return math.inf
    term = total = 1.0
    for number in range(1, servers):
        term *= load / number
        total += term
    term *= load / servers * servers / (servers - load)
    return term / (total + term) * service / (servers - load)


def hosts(work, capacity, utilisation, spare):
    """How many machines of `capacity` do the work at no more than this utilisation, with `spare` of them gone."""
    return math.ceil(work / (capacity * utilisation)) + spare
