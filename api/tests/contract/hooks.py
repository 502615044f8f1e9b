"""What schemathesis cannot know by itself: bodies that are no JSON."""

import schemathesis


@schemathesis.serializer("application/x-protobuf")
def protobuf(_context, value):
    """Bytes as they are; nearly all are refused, and none may be a 500."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer("application/x-protobuf", "application/x-streamed-protobuf")
def opaque(_context, response):
    """`promtool` and a real Prometheus read these in other tests."""
    return response.content.decode("latin-1")
