"""Values that many examples of the description share."""

MOMENT = "2026-05-01T09:30:00.000Z"
LATER = "2026-05-01T09:31:04.250Z"
LETTER = "3-1767225600000-0.hefg8dts00"
GROUP = "5da9ce0a85cb"
REPLAY = "3f2a9c41d07b"
EVENT = {"type": "track", "event": "Call", "messageId": "9f6d-1", "userId": "customer-1"}
