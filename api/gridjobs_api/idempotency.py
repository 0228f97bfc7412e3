"""The Idempotency-Key header: the IETF draft wants a quoted string, most clients send it bare."""


def bare(key: str | None) -> str | None:
    """Return the key without quotes, so that both spellings are the same key."""
    if key is not None and len(key) > 2 and key[0] == key[-1] == '"':
        return key[1:-1]
    return key
