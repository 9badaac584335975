"""Completeness: whether the records of each lane tile its numbers (§7)."""


class Lane:
    """The numbers of one producer queue, as ranges [first, last, position of the record that began the range]."""

    def __init__(self, src):
        self.src, self.ranges, self.declared = src, [], 0
        self.begins_behind = 0  # numbers up to here belong to an absent beginning, and are not judged
        self.end = None  # (final n, position that states it)
        self.stated = None  # (largest n that a later opening found sealed, position)
        self.first_missing, self.missing = None, 0

    @property
    def largest(self):
        return self.ranges[-1][1] if self.ranges else 0

    def account(self, first, last, position):
        """Adds a range; False where a number of it was accounted for before."""
        if last <= self.begins_behind:
            return True
        at = len(self.ranges)
        while at and self.ranges[at - 1][0] > last:
            at -= 1
        before = self.ranges[at - 1] if at else None
        if before and before[1] >= first:
            return False
        if before and before[1] + 1 == first:
            before[1] = last
        else:
            self.ranges.insert(at, [first, last, position])
            at += 1
        if at < len(self.ranges) and self.ranges[at][0] == last + 1:
            self.ranges[at - 1][1] = self.ranges.pop(at)[1]
        return True

    def count_missing(self):
        """What is missing below the largest number that is sealed or stated, and which record shows the first of it."""
        reached = self.begins_behind
        bounds = [(first - 1, last, at) for first, last, at in self.ranges]
        bounds += [(n, n, at) for n, at in filter(None, (self.end, self.stated))]
        for below, last, at in bounds:
            if below > reached:
                self.missing += below - reached
                self.first_missing = self.first_missing or (reached + 1, at)
            reached = max(reached, last)


class Lanes:
    """Completeness. A fault is (reason, position, detail)."""

    def __init__(self):
        self.lanes, self.closed, self.without_beginning = {}, set(), False

    def lane(self, src):
        return self.lanes.setdefault(src, Lane(src))

    def account(self, src, first, last, position):
        lane = self.lane(src)
        if self.without_beginning and not lane.ranges:
            lane.begins_behind = first - 1
        end = lane.end[0] if lane.end else 0 if src[:16] in self.closed else None
        if end is not None and last > end:
            yield "replay", position, f"lane {src}: number {last} lies above the final number {end}"
        elif not lane.account(first, last, position):
            yield "replay", position, f"lane {src}: a number of {first} to {last} is accounted for twice"

    def learn(self, record, position):
        """What a record of the log about itself says of lanes."""
        data = record.data
        if record.kind == "records_lost":
            faults = list(self.account(data["src"], data["first_n"], data["last_n"], position))
            if not faults:
                self.lane(data["src"]).declared += data["last_n"] - data["first_n"] + 1
            yield from faults
        elif record.kind == "producer_closed":
            yield from self.close(data, position)
        elif record.kind == "producer_opened" and "predecessor" in data:
            self.state(data["predecessor"], data["last_known"], position)
        elif record.kind == "log_opened" and "unclean" in data:
            self.state(data["unclean"]["instance"], data["unclean"]["lanes"], position, unclean=True)

    def close(self, data, position):
        above = unnamed = None
        for name, end in data["lanes"].items():
            lane = self.lane(f"{data['instance']}/{name}")
            lane.end = (end, position)
            if lane.largest > end:
                above = above or lane
        if not data.get("more"):
            self.closed.add(data["instance"])
            for lane in self.lanes.values():
                if lane.src.startswith(data["instance"]) and not lane.end and lane.largest:
                    unnamed = unnamed or lane
        if above or unnamed:
            yield "replay", position, f"lane {(above or unnamed).src}: its numbers go on above the final one"

    def state(self, instance, lanes, position, unclean=False):
        for name, n in lanes.items():
            lane = self.lane(f"{instance}/{name}")
            if not lane.stated or lane.stated[0] < n:
                lane.stated = (n, position)
            # A log_closed that a crash swallowed was counted in, and is no gap.
            if unclean and name == "sealer" and lane.end and lane.end[0] > n:
                lane.end = (n, position)

    def finish(self, unread):
        """Faults, and a verdict per lane. What lies above the last number seen may be among lines that were not read."""
        for lane in self.lanes.values():
            lane.count_missing()
            if lane.first_missing and not (unread and lane.first_missing[0] > lane.largest):
                first, position = lane.first_missing
                yield "gap", position, f"lane {lane.src}: {lane.missing} numbers are missing, the first is {first}"

    def verdict(self, lane):
        if lane.src[:16] not in self.closed or lane.missing or lane.begins_behind:
            return "UNKNOWN"
        return "LOSSY" if lane.declared else "COMPLETE"
