"""What schemathesis does not know of the collector's interface."""

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """Lines are sent as they were made up."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def map_query(_context, query):
    """A wait that is within its bounds is not waited for."""
    if query and str(query.get("wait", "")).isdigit() and int(query["wait"]) <= 30:
        query["wait"] = 0
    return query
