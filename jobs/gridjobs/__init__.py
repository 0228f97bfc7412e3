"""Gridjobs job domain: what API and workers share. It knows Redis and the broker, no HTTP and no numerics.

- What a job is: `model`, `problems`, `errors`, `events`; what is set up: `settings`.
- Where jobs live: `store` (start reading there), on `calls`, `scripts`, `keys`; `waiting`, `resources`, `blobs`.
- What keeps them going: `relay` and `reconciler`, over `outbox`, to a `publisher` (`rabbitmq`, `embedded_publisher`).
- How hints reach workers: `broker`. How roles are run: `cli`, `supervisor`, `embedded`.
- How one looks at it: `metrics`, `durability`, `logs`.
"""
